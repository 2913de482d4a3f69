import { availableParallelism, loadavg } from 'node:os';
import { type SandboxDesk, startSandboxDesk } from '../../e2e/support/sandbox-desk.ts';
import { launchBrowser, missing } from '../../e2e/ui/testing/browser.ts';
import { judge } from '../judge.ts';
import type { Finding } from '../measures/measure.ts';
import { figure } from '../report.ts';
import { connectMeasures } from './connect-measures.ts';
import { logMeasures } from './log-measures.ts';
import { terminalMeasures } from './terminal-measures.ts';
import type { UiMeasure } from './ui-bench.ts';
import { workloadMeasures } from './workload-measures.ts';

/**
 * npm run bench:ui -- [FILTER…] [--quick]: how the window copes, in a real browser. Prints each figure with its bar; one that falls short is no
 * failure. Only a run that could not measure ends with another exit code than 0.
 */
let opened: Promise<SandboxDesk> | undefined;
const desk = async () => await (opened ??= welcomedDesk());

const measures: readonly UiMeasure[] = [...workloadMeasures, ...logMeasures, ...terminalMeasures(desk), ...connectMeasures(desk)];

/** Its daemon runs, and shows nobody the first steps. */
async function welcomedDesk(): Promise<SandboxDesk> {
  const started = await startSandboxDesk();
  await started.windowUrl();
  const api = await started.api();
  await api.call('setPreferences', { change: { isWelcomed: true, defaultMode: 'rootless' } });
  api.close();
  return started;
}

async function main(): Promise<void> {
  if (missing !== undefined) throw new Error(`the window cannot be measured here: ${missing}`);
  const args = process.argv.slice(2);
  const unknown = args.find((argument) => argument.startsWith('-') && argument !== '--quick');
  if (unknown !== undefined) throw new Error(`unknown argument ${unknown}`);
  const filters = args.filter((argument) => !argument.startsWith('-'));
  const isWanted = ({ name }: UiMeasure) => filters.length === 0 || filters.some((filter) => name.includes(filter));
  console.log(`${availableParallelism()} cores, load average ${(loadavg()[0] ?? 0).toFixed(1)} before them.`);
  const findings: Finding[] = [];
  const show = (finding: Finding) => {
    findings.push(finding);
    console.log(row(finding));
  };
  const browser = await launchBrowser();
  let failed = 0;
  try {
    for (const measure of measures.filter(isWanted)) {
      try {
        await measure.run({ browser, isQuick: args.includes('--quick'), show });
      } catch (error) {
        failed += 1;
        console.error(`${measure.name}: could not be measured: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  } finally {
    await browser.close();
    await (await opened?.catch(() => undefined))?.close();
  }
  console.log(`\n${['| measure | ours | bar | verdict | |', '|---|---|---|---|---|', ...findings.map(row)].join('\n')}`);
  if (failed > 0) throw new Error(`${failed} of the measures could not be taken`);
}

function row(finding: Finding): string {
  const { medians, verdict } = judge(finding);
  const { title, unit, bar, note = '' } = finding;
  const sign = bar?.reach === 'at-least' ? '≥' : '≤';
  const words = {
    'reaches-goal': 'reaches its goal',
    'reaches-bar': 'reaches its bar',
    'falls-short': '**falls short of its bar**',
    unknown: bar === undefined ? '–' : 'not judged',
  };
  const isGoalTold = bar?.goal !== undefined || verdict !== 'reaches-goal';
  const cells = [
    title,
    `${figure(medians.ours)} ${unit}`,
    bar === undefined ? '–' : `${sign} ${bar.bar} ${unit}`,
    isGoalTold ? words[verdict] : words['reaches-bar'],
    note,
  ];
  return `| ${cells.join(' | ')} |`;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
