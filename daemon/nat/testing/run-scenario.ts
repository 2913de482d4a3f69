import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';

/** A scenario that hangs is ended, and fails. */
const scenarioTimeoutMs = 25_000;

/** Why scenarios cannot run here, or `undefined` where they can. */
export function scenarioObstacle(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  return fs.existsSync('/dev/net/tun') ? undefined : 'needs /dev/net/tun';
}

/**
 * Runs a scenario in a process of its own with a network namespace of its own, which vanishes with the process. The process must end
 * by itself: that it does is part of every scenario.
 *
 * @returns what the scenario returned.
 */
export async function runScenario(name: string): Promise<unknown> {
  const script = path.join(import.meta.dirname, 'scenarios.ts');
  const child = spawn('unshare', ['--net', '--', process.execPath, script, name], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: scenarioTimeoutMs,
  });
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  if (child.exitCode !== 0)
    throw new Error(`Scenario ${name} ended with ${child.exitCode ?? child.signalCode}:\n${errors}${output}`);
  return JSON.parse(output);
}
