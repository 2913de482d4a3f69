import type { Logger } from '#base/common/log.ts';
import type { AgentConfig } from '#protocol/agent/agent-config.ts';
import type { BuiltConfig } from './build-agent-config.ts';
import { readInjectAnnotations } from './inject-annotations.ts';
import type { InjectorSettings } from './injector-settings.ts';
import { type PatchOperation, podPatch } from './pod-patch.ts';
import type { PodObject } from './pod-types.ts';
import type { FoundWorkload } from './workload-lookup.ts';

/** The part of an `admission.k8s.io/v1` AdmissionReview that is looked at. */
export interface AdmissionRequest {
  readonly uid: string;
  readonly operation: string;
  readonly namespace?: string;
  readonly object?: PodObject;
}

export interface AdmissionResponse {
  readonly uid: string;
  /** Always: pods are never kept from being made. */
  readonly allowed: true;
  readonly patchType?: 'JSONPatch';
  /** Operations as JSON in base64. */
  readonly patch?: string;
  readonly warnings?: readonly string[];
}

export interface AdmissionOptions {
  readonly settings: InjectorSettings;
  readonly logger: Logger;
  /** Whether agents are wanted in any, or (with a workload) in this one. */
  readonly isWanted: (namespace: string, workload?: FoundWorkload) => boolean;
  readonly findWorkload: (namespace: string, pod: PodObject, signal: AbortSignal) => Promise<FoundWorkload | undefined>;
  readonly buildConfig: (workload: FoundWorkload, signal: AbortSignal) => Promise<BuiltConfig>;
}

/** Decides whether a pod that is about to be made gets an agent, and which. */
export async function reviewPod(
  request: AdmissionRequest,
  options: AdmissionOptions,
  signal: AbortSignal,
): Promise<AdmissionResponse> {
  const { uid, operation, object: pod } = request;
  const namespace = request.namespace ?? pod?.metadata?.namespace ?? '';
  const plain: AdmissionResponse = { uid, allowed: true };
  if (operation !== 'CREATE' || pod === undefined) return plain;
  const { injection, isManual } = readInjectAnnotations(pod.metadata?.annotations);
  if (injection === 'disabled' || isManual || options.settings.policy === 'Never') return plain;
  if (injection === 'invalid') {
    return { ...plain, warnings: ['The annotation inject-traffic-agent is neither "enabled" nor "disabled": no traffic-agent'] };
  }
  // Most pods end here, without a question to the API server.
  if (injection === undefined && (options.settings.policy !== 'OnDemand' || !options.isWanted(namespace))) return plain;
  const workload = await options.findWorkload(namespace, pod, signal);
  if (workload === undefined || (injection === undefined && !options.isWanted(namespace, workload))) return plain;
  const built = await options.buildConfig(workload, signal);
  const fields = { namespace, kind: workload.target.kind, workload: workload.target.name };
  if (built.kind === 'refused') {
    options.logger.warn('A pod gets no agent', { ...fields, reason: built.reason });
    return { ...plain, warnings: [`${workload.target.name} gets no traffic-agent: ${built.reason}`] };
  }
  const patch = podPatch(pod, built.config, options.settings);
  // Asked again, after other webhooks.
  if (patch.length === 0) return plain;
  options.logger.info('A pod gets an agent', { ...fields, ports: portsOf(built.config) });
  return { ...plain, patchType: 'JSONPatch', patch: encode(patch) };
}

function encode(patch: readonly PatchOperation[]): string {
  return Buffer.from(JSON.stringify(patch)).toString('base64');
}

function portsOf({ containers }: AgentConfig): string {
  return containers.flatMap(({ ports }) => ports.map(({ containerPort, mode }) => `${containerPort} (${mode})`)).join(', ');
}
