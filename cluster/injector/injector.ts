import { setTimeout as sleep } from 'node:timers/promises';
import { type Deferred, deferred } from '#base/common/deferred.ts';
import type { Logger } from '#base/common/log.ts';
import type { KubeClient } from '#net/kube/kube-client.ts';
import type { AgentConfig, AgentServicePort } from '#protocol/agent/agent-config.ts';
import { injectorPort, managerName } from '#protocol/chart/manager-environment.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { type AdmissionOptions, reviewPod } from './admission.ts';
import { type BuiltConfig, buildAgentConfig, isSatisfiedBy } from './build-agent-config.ts';
import { readInjectAnnotations } from './inject-annotations.ts';
import type { InjectorSettings } from './injector-settings.ts';
import { injectedConfig, injectedLabel, isInjected } from './pod-patch.ts';
import type { PodObject } from './pod-types.ts';
import { describeRoute, resolvePort } from './resolve-port.ts';
import { evict, type RollOptions, rollPods } from './roll-pods.ts';
import { untilServicesLead } from './service-reach.ts';
import { publishAuthorities, webhookCertificate } from './webhook-certificate.ts';
import { WebhookServer } from './webhook-server.ts';
import { type AgentTarget, type FoundWorkload, WorkloadLookup } from './workload-lookup.ts';

export interface ResolvedPort {
  readonly workload: AgentTarget;
  readonly container: string;
  readonly containerPort: number;
  readonly protocol: 'TCP' | 'UDP';
  /** Absent where no Service leads to the port. */
  readonly service?: AgentServicePort;
  readonly agentPort: number;
  readonly appProtocol?: string;
}

export interface InjectorOptions {
  readonly kube: KubeClient;
  readonly managerNamespace: string;
  /** Name of the traffic-manager's Service, as agents of other namespaces resolve it. */
  readonly managerHost: string;
  readonly managerPort: number;
  readonly agentImage: string;
  readonly logger: Logger;
  readonly settings: InjectorSettings;
  /** Managed namespaces; none: all. */
  readonly namespaces?: readonly string[];
  /** Default 8443. */
  readonly webhookPort?: number;
  /** Default: all interfaces. */
  readonly host?: string;
  /** Between looks at pods that are being replaced. Default 150 ms. */
  readonly pollMs?: number;
  /** How long Services may take to lead to pods that replaced others. Default 4 s. */
  readonly reachTimeoutMs?: number;
}

const renewEveryMs = 30_000;
const maxRetryMs = 15_000;

/** Whoever asks for an agent while the traffic-manager starts waits this long for the webhook. */
const webhookWaitMs = 15_000;

const rollbackTimeoutMs = 10_000;

const reach = { timeoutMs: 4_000, pollMs: 100 };

/**
 * Puts agents into pods. The configuration of a workload's agents follows from its template and Services; that a workload shall have them
 * is remembered here, and read back from its pods after a restart: nothing else in the cluster changes.
 */
export class Injector {
  readonly #options: InjectorOptions;
  readonly #lookup: WorkloadLookup;
  readonly #server: WebhookServer;
  readonly #wanted = new Map<string, AgentTarget>();
  /** One after the other for each workload. */
  readonly #turns = new Map<string, Promise<void>>();
  readonly #stop = new AbortController();
  readonly #ready: Deferred<void> = deferred();
  #running: Promise<void> | undefined;
  #webhookPort = 0;
  /** Of the certificate that the webhook serves with. */
  #authority = '';

  constructor(options: InjectorOptions) {
    const { kube, settings, logger } = options;
    this.#options = options;
    this.#lookup = new WorkloadLookup(kube);
    const admission: AdmissionOptions = {
      settings,
      logger,
      isWanted: (namespace, workload) =>
        workload === undefined
          ? [...this.#wanted.values()].some((target) => target.namespace === namespace)
          : this.#wanted.has(keyOf(workload.target)),
      findWorkload: async (namespace, pod, signal) => await this.#lookup.ofPod(namespace, pod.metadata?.ownerReferences, signal),
      buildConfig: async (workload, signal) => await this.#build(workload, signal),
    };
    this.#server = new WebhookServer({ logger, review: async (request, signal) => await reviewPod(request, admission, signal) });
  }

  /** Of the webhook; 0 until it listens. */
  get webhookPort(): number {
    return this.#webhookPort;
  }

  /** Begins to serve the webhook, and goes on trying where the cluster does not answer; does not wait for it. */
  async start(): Promise<void> {
    if (!this.#options.settings.isEnabled) return;
    this.#running ??= this.#run();
    await Promise.resolve();
  }

  /**
   * Resolves when the API server has been told of the webhook.
   *
   * @throws AppError `agent.failed` where there is none, or it takes too long.
   */
  async untilReady(signal: AbortSignal): Promise<void> {
    await this.#untilServing(AbortSignal.any([signal, this.#stop.signal]));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#ready.reject(this.#stop.signal.reason);
    await this.#running;
    await this.#server.stop();
  }

  /**
   * The port that somebody means, by the name of the workload and the name or number of a Service's or container's port; empty: the only one.
   *
   * @throws AppError `workload.not-found`, `workload.ambiguous`, `workload.not-interceptable`.
   */
  async resolve(
    namespace: string,
    name: string,
    portIdentifier: string,
    service?: string,
    container?: string,
  ): Promise<ResolvedPort> {
    const workload = await this.#lookup.find(namespace, name);
    if (workload === undefined) throw unknownWorkload(namespace, name);
    const config = await this.#configFor(workload, this.#stop.signal);
    const answer = resolvePort(config, { identifier: portIdentifier, service, container });
    if (answer.kind !== 'found') {
      const candidates = answer.candidates.map(describeRoute);
      const asked = portIdentifier === '' ? 'a port' : `the port ${portIdentifier}`;
      const isNone = candidates.length === 0;
      throw new AppError({
        code: isNone ? 'workload.not-interceptable' : answer.kind === 'ambiguous' ? 'workload.ambiguous' : 'workload.not-found',
        message:
          answer.kind === 'ambiguous'
            ? `${workload.target.kind} ${name} has more than one port that fits`
            : `${workload.target.kind} ${name} does not have ${asked}${service === undefined || service === '' ? '' : ` of service ${service}`}`,
        reason: isNone
          ? 'No Service selects its pods, and its containers declare no port'
          : `Its ports are: ${candidates.join('; ')}`,
        context: { namespace, workload: name },
        remedies: isNone ? [] : [{ label: 'Name one of them after the port of the laptop, as in 8080:http' }],
      });
    }
    const { route } = answer;
    const appProtocol = route.service?.appProtocol;
    return {
      workload: workload.target,
      container: route.container.name,
      containerPort: route.port.containerPort,
      protocol: route.port.protocol,
      ...(route.service === undefined ? {} : { service: route.service }),
      agentPort: route.port.agentPort,
      ...(appProtocol === undefined ? {} : { appProtocol }),
    };
  }

  /**
   * Makes sure that all pods of a workload run an agent that serves its ports; where they do, nothing happens. When it fails, the pods go
   * back to what they were.
   *
   * @param onWarning told of what may keep traffic away nevertheless
   * @throws AppError `workload.not-found`, `workload.not-interceptable`, `agent.failed` with the reason that Kubernetes gives.
   */
  async ensureAgent(
    target: AgentTarget,
    signal: AbortSignal,
    onStage: (stage: string) => void,
    onWarning?: (warning: AppError) => void,
  ): Promise<void> {
    const either = AbortSignal.any([signal, this.#stop.signal]);
    await this.#inTurn(target, async () => {
      const workload = await this.#lookup.get(target, either);
      if (workload === undefined) throw unknownWorkload(target.namespace, target.name);
      const config = await this.#configFor(workload, either);
      await this.#untilServing(either);
      if (workload.replicas === 0) throw notInterceptable(target, 'it is scaled to 0: there are no pods');
      if (readInjectAnnotations(workload.template.metadata?.annotations).isManual) {
        const pods = await this.#lookup.pods(workload, either);
        if (pods.some((pod) => isSatisfiedBy(config, injectedConfig(pod)))) return;
        throw notInterceptable(
          target,
          'its annotation manually-injected is "true", and its pods have no agent that serves its ports',
        );
      }
      const key = keyOf(target);
      const wasWanted = this.#wanted.has(key);
      this.#wanted.set(key, target);
      try {
        const isWanted = (pod: PodObject) => isSatisfiedBy(config, injectedConfig(pod));
        const isReplaced = await this.#roll(workload, {
          isWanted,
          hasAgent: true,
          signal: either,
          onStage,
          onUnready: (reason) => onWarning?.(notReady(target, reason)),
        });
        if (isReplaced) await this.#untilServicesLead(workload, config, either);
      } catch (error) {
        if (!wasWanted) await this.#rollBack(workload);
        throw error;
      }
    });
  }

  /** The workloads that have agents, or shall have them as soon as they have pods. */
  async targets(): Promise<readonly AgentTarget[]> {
    const all = [...this.#wanted.values(), ...(await this.#injectedTargets())];
    return [...new Map(all.map((target) => [keyOf(target), target])).values()];
  }

  /**
   * Makes pods go back to what they were without agents; those whose template asks for one keep it. Resolves when they have.
   *
   * @returns those that were to have agents, and are not any more.
   */
  async removeAgents(targets: readonly AgentTarget[] | 'all'): Promise<readonly AgentTarget[]> {
    const known = await this.targets();
    const keys = new Set(known.map(keyOf));
    const chosen = targets === 'all' ? known : targets;
    const outcomes = await Promise.allSettled(
      chosen.map(async (target) => ((await this.#removeAgent(target)) && keys.has(keyOf(target)) ? [target] : [])),
    );
    // All are tried, whatever becomes of one.
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw AppError.from(failed.reason);
    return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []));
  }

  /** @returns whether its pods are without agents now. */
  async #removeAgent(target: AgentTarget): Promise<boolean> {
    let isWithout = true;
    await this.#inTurn(target, async () => {
      this.#wanted.delete(keyOf(target));
      const { signal } = this.#stop;
      const workload = await this.#lookup.get(target, signal);
      if (workload === undefined) return;
      isWithout = readInjectAnnotations(workload.template.metadata?.annotations).injection !== 'enabled';
      if (!isWithout) return;
      await this.#roll(workload, { isWanted: (pod) => !isInjected(pod), hasAgent: false, signal, onStage: () => undefined });
    });
    return isWithout;
  }

  async #roll(
    workload: FoundWorkload,
    options: Pick<RollOptions, 'isWanted' | 'hasAgent' | 'signal' | 'onStage' | 'onUnready'>,
  ): Promise<boolean> {
    const { kube, pollMs, settings } = this.#options;
    const timeoutMs = settings.arrivalTimeoutMs;
    return await rollPods({
      ...options,
      kube,
      lookup: this.#lookup,
      workload,
      timeoutMs,
      ...(pollMs === undefined ? {} : { pollMs }),
    });
  }

  async #untilServicesLead(workload: FoundWorkload, config: AgentConfig, signal: AbortSignal): Promise<void> {
    const { pollMs = reach.pollMs, reachTimeoutMs = reach.timeoutMs } = this.#options;
    const services = await this.#lookup.services(workload.target.namespace, signal);
    const isEnding = async () => {
      const pods = await this.#lookup.pods(workload, signal);
      return pods.some(({ metadata }) => metadata?.deletionTimestamp !== undefined);
    };
    await untilServicesLead({ config, services, isEnding, signal, pollMs, timeoutMs: reachTimeoutMs });
  }

  async #run(): Promise<void> {
    const { logger } = this.#options;
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted; ) {
      try {
        await this.#renew(signal);
        failures = 0;
        this.#ready.resolve();
        await sleep(renewEveryMs, undefined, { signal }).catch(() => undefined);
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        logger.warn('The webhook is not ready; trying again', { attempt: failures, error });
        await sleep(Math.min(maxRetryMs, 500 * 2 ** Math.min(failures, 6)), undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /**
   * Serves with the certificate of the Secret, which others may replace, and makes the API server trust it, which others may undo: an
   * upgrade of the chart, a tool that brings objects back to what they were.
   */
  async #renew(signal: AbortSignal): Promise<void> {
    const { kube, managerNamespace, logger, host } = this.#options;
    const certificate = await webhookCertificate(kube, managerNamespace, signal);
    if (this.#webhookPort === 0) {
      this.#webhookPort = await this.#server.listen(this.#options.webhookPort ?? injectorPort, certificate, host);
      for (const target of await this.#injectedTargets()) this.#wanted.set(keyOf(target), target);
    }
    // The former authority stays for as long as the API server may still meet the former certificate.
    const former = this.#authority === '' || this.#authority === certificate.ca ? [] : [this.#authority];
    await publishAuthorities(kube, managerNamespace, [certificate.ca, ...former], signal);
    this.#server.use(certificate);
    if (this.#authority !== certificate.ca) logger.info('The webhook is ready', { port: this.#webhookPort });
    this.#authority = certificate.ca;
  }

  async #untilServing(signal: AbortSignal): Promise<void> {
    const { isEnabled } = this.#options.settings;
    const late = AbortSignal.any([signal, AbortSignal.timeout(webhookWaitMs)]);
    const aborted = new Promise<'late'>((resolve) => late.addEventListener('abort', () => resolve('late'), { once: true }));
    if (isEnabled && (await Promise.race([this.#ready.promise.then(() => 'ready' as const), aborted])) === 'ready') {
      // Pods are about to be made: what was changed a moment ago counts.
      await this.#renew(signal);
      return;
    }
    signal.throwIfAborted();
    throw new AppError({
      code: 'agent.failed',
      message: 'The traffic-manager cannot put agents into pods',
      reason: isEnabled
        ? 'Its webhook is not ready: the log of the traffic-manager says why'
        : 'It was installed without the injector (agentInjector.enabled)',
      remedies: isEnabled
        ? []
        : [{ label: 'Install it with', command: 'telepresence helm upgrade --set agentInjector.enabled=true' }],
    });
  }

  async #configFor(workload: FoundWorkload, signal: AbortSignal): Promise<AgentConfig> {
    const { settings, managerNamespace, agentImage } = this.#options;
    const { target, template } = workload;
    if (target.namespace === managerNamespace && target.name === managerName)
      throw notInterceptable(target, 'it is the traffic-manager');
    const { injection } = readInjectAnnotations(template.metadata?.annotations);
    if (injection === 'invalid')
      throw notInterceptable(target, 'its annotation inject-traffic-agent is neither "enabled" nor "disabled"');
    if (injection === 'disabled') throw notInterceptable(target, 'its annotation inject-traffic-agent is "disabled"');
    if (settings.policy === 'Never') throw notInterceptable(target, 'agentInjector.injectPolicy is Never');
    if (settings.policy === 'WhenEnabled' && injection !== 'enabled') {
      throw notInterceptable(target, 'it does not have the annotation telepresence.io/inject-traffic-agent: enabled');
    }
    if (agentImage === '') throw notInterceptable(target, 'the traffic-manager does not know the image of agents');
    const built = await this.#build(workload, signal);
    if (built.kind === 'refused') throw notInterceptable(target, built.reason);
    return built.config;
  }

  async #build({ target, template }: FoundWorkload, signal: AbortSignal): Promise<BuiltConfig> {
    const services = await this.#lookup.services(target.namespace, signal);
    const { kind, name, namespace } = target;
    return buildAgentConfig({ kind, name }, namespace, template, services, this.#options, this.#options.settings);
  }

  /** Pods that did not come up with an agent come back without. */
  async #rollBack(workload: FoundWorkload): Promise<void> {
    const { kube, logger } = this.#options;
    this.#wanted.delete(keyOf(workload.target));
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(rollbackTimeoutMs)]);
    try {
      const pods = (await this.#lookup.pods(workload, signal)).filter(isInjected);
      await Promise.all(pods.map((pod) => evict(kube, pod, signal)));
    } catch (error) {
      logger.warn('Pods with an agent that does not start could not be ended', { workload: workload.target.name, error });
    }
  }

  /** The workloads that have pods with agents of this traffic-manager. */
  async #injectedTargets(): Promise<readonly AgentTarget[]> {
    const pods = await this.#lookup.podsWithLabel(injectedLabel, this.#options.namespaces ?? [], this.#stop.signal);
    const targets = pods.flatMap((pod): readonly AgentTarget[] => {
      const config = injectedConfig(pod);
      if (config === undefined || config.managerNamespace !== this.#options.managerNamespace) return [];
      return [{ namespace: config.namespace, ...config.workload }];
    });
    return [...new Map(targets.map((target) => [keyOf(target), target])).values()];
  }

  async #inTurn(target: AgentTarget, work: () => Promise<void>): Promise<void> {
    const key = keyOf(target);
    const before = this.#turns.get(key) ?? Promise.resolve();
    const running = before.then(work, work);
    this.#turns.set(key, running);
    try {
      await running;
    } finally {
      if (this.#turns.get(key) === running) this.#turns.delete(key);
    }
  }
}

function keyOf({ namespace, kind, name }: AgentTarget): string {
  return `${namespace}/${kind}/${name}`;
}

function unknownWorkload(namespace: string, name: string): AppError {
  return new AppError({
    code: 'workload.not-found',
    message: `There is no Deployment, StatefulSet or ReplicaSet ${name} in namespace ${namespace}`,
    context: { namespace, workload: name },
    remedies: [{ label: 'See what there is', command: 'telepresence list' }],
  });
}

function notInterceptable({ namespace, kind, name }: AgentTarget, reason: string): AppError {
  return new AppError({
    code: 'workload.not-interceptable',
    message: `${kind} ${name} in namespace ${namespace} cannot be intercepted`,
    reason,
    context: { namespace, workload: name },
  });
}

function notReady({ namespace, kind, name }: AgentTarget, reason: string): AppError {
  return new AppError({
    code: 'workload.not-ready',
    message: `The pods of ${kind} ${name} are not ready, so Services send them no requests`,
    reason,
    context: { namespace, workload: name },
    remedies: [{ label: 'See what happened to the pods', command: `kubectl get events -n ${namespace}` }],
  });
}
