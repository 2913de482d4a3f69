import { type AgentConfig, agentVariables, parseAgentConfig } from '#protocol/agent/agent-config.ts';
import { AppError } from '#protocol/errors/app-error.ts';

/** What the agent is told by the injector and by Kubernetes. */
export interface AgentSettings {
  readonly config: AgentConfig;
  readonly podName: string;
  /** Empty where Kubernetes has not said it. */
  readonly podIp: string;
}

/** @throws AppError `config.invalid` where the configuration is missing or of another version. */
export function readSettings(env: NodeJS.ProcessEnv): AgentSettings {
  const config = parseAgentConfig(env[agentVariables.config] ?? '');
  if (config === undefined) {
    throw new AppError({
      code: 'config.invalid',
      message: `The variable ${agentVariables.config} holds no configuration that this traffic-agent understands`,
    });
  }
  return { config, podName: env[agentVariables.podName] ?? '', podIp: env[agentVariables.podIp] ?? '' };
}
