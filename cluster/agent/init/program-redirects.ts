import { execFile } from 'node:child_process';
import type { Logger } from '#base/common/log.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { AgentSettings } from '../settings.ts';
import { directRules } from './direct-rules.ts';
import { redirectRules } from './redirect-rules.ts';

/** Where the image has it. */
const nftPath = '/usr/sbin/nft';

const timeoutMs = 10_000;

/**
 * Programs the redirects of the pod's network namespace. Where connections are to pass an idle agent by and the kernel refuses, they go
 * through it. The pod's own family has to work; the other one is done where the kernel has it.
 *
 * @throws AppError `internal`, with what nft said.
 */
export async function programRedirects({ config, podIp }: AgentSettings, logger: Logger): Promise<void> {
  const direct = directRules(config);
  if (direct !== undefined) {
    try {
      await nft(direct);
      logger.info('Ports are redirected while they are intercepted');
      return;
    } catch (error) {
      logger.warn('Connections cannot pass the agent by: the kernel does not take the rules for it', { error });
    }
  }
  const own = podIp.includes(':') ? 'ip6' : 'ip';
  for (const family of ['ip', 'ip6'] as const) {
    const rules = redirectRules(family, config);
    if (rules === undefined) {
      logger.info('No port has to be redirected');
      return;
    }
    try {
      await nft(rules);
      logger.info('Ports are redirected', { family });
    } catch (error) {
      if (family === own) throw error;
      logger.info('Ports are not redirected in this family', { family, error });
    }
  }
}

async function nft(rules: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const child = execFile(nftPath, ['-f', '-'], { cwd: '/', env: {}, timeout: timeoutMs }, (error, _stdout, stderr) => {
      if (error === null) resolve();
      else
        reject(
          new AppError({
            code: 'internal',
            message: `The pod's ports could not be redirected: ${stderr.trim() || error.message}`,
          }),
        );
    });
    // A program that fails early closes its input; its exit code tells the story, not the broken pipe.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(rules);
  });
}
