import { setTimeout as sleep } from 'node:timers/promises';
import { returnMemoryAtRest } from '#base/node/memory-at-rest.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { AgentLog, parseLogLevel } from './agent-log.ts';
import { isAppListening } from './app-listening.ts';
import { programRedirects } from './init/program-redirects.ts';
import { readSettings } from './settings.ts';
import { TrafficAgent } from './traffic-agent.ts';

/** How often is looked whether the app has ended, once Kubernetes has asked the pod to. */
const farewellEveryMs = 100;

/**
 * Services lead to a pod that ends for a moment longer, and what comes by them is still the laptop's. Less than a second: pods may have no
 * more to end in, and an agent that ends without a word counts as alive until its silence is noticed.
 */
const serviceLagMs = 500;

/** The process: `init` programs the redirects and ends; without an argument it is the agent, until Kubernetes asks it to end. */
async function main(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const settings = readSettings(env);
  const log = new AgentLog(parseLogLevel(settings.config.logLevel) ?? 'info');
  if (argv[2] === 'init') {
    await programRedirects(settings, log.logger('init'));
    return;
  }
  const agent = new TrafficAgent({ settings, env, log });
  const end = async () => {
    agent.announceEnd();
    const ports = settings.config.containers.flatMap((container) => container.ports);
    const leaveAt = performance.now() + serviceLagMs;
    while (performance.now() < leaveAt && (await isAppListening(ports))) await sleep(farewellEveryMs);
    await agent.leave();
    // The app ends its work in its own time, and its callers come through here until then; Kubernetes ends us both in the end.
    while (await isAppListening(ports)) await sleep(farewellEveryMs);
    while (agent.connectionCount > 0) await sleep(farewellEveryMs);
    await agent.stop();
  };
  let isEnding = false;
  const stop = () => {
    if (isEnding) return;
    isEnding = true;
    end().then(
      () => process.exit(0),
      (error: unknown) => {
        log.logger('agent').error('Stopping failed', { error });
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop).on('SIGINT', stop);
  await agent.start();
  returnMemoryAtRest();
}

main(process.argv, process.env).catch((error: unknown) => {
  const { code, message, entry } = AppError.from(error);
  process.stderr.write(`${JSON.stringify({ level: 'error', component: 'agent', code, msg: message })}\n`);
  process.exit(entry.exitCode);
});
