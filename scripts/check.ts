import { allChecks } from './checks/all-checks.ts';
import { runChecks } from './run-checks.ts';
import { totalsLine } from './totals.ts';

/** npm run check [-- NAME…]: the static checks, all or the named ones. */
const names = process.argv.slice(2);
const unknown = names.filter((name) => !allChecks.some((check) => check.name === name));
if (unknown.length > 0)
  throw new Error(`no check is called ${unknown.join(', ')}; there are ${allChecks.map(({ name }) => name).join(', ')}`);
const totals = await runChecks(names.length === 0 ? allChecks : allChecks.filter(({ name }) => names.includes(name)));
console.log(totalsLine(totals));
process.exitCode = totals.failed === 0 ? 0 : 1;
