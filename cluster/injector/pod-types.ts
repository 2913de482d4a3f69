/** What is read of pods and templates; what is not named here is kept as it is. */
export interface PodObject {
  readonly metadata?: PodMetadata;
  readonly spec?: PodSpec;
  readonly status?: PodStatus;
}

export interface PodMetadata {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly deletionTimestamp?: string;
}

export interface OwnerReference {
  readonly kind: string;
  readonly name: string;
  readonly uid?: string;
  readonly controller?: boolean;
}

export interface PodSpec {
  readonly containers?: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly { readonly name: string; readonly [field: string]: unknown }[];
  readonly imagePullSecrets?: readonly { readonly name: string }[];
  readonly securityContext?: SecurityContext;
  readonly hostNetwork?: boolean;
  readonly [field: string]: unknown;
}

export interface SecurityContext {
  readonly runAsUser?: number;
  readonly seccompProfile?: unknown;
  readonly appArmorProfile?: unknown;
  readonly [field: string]: unknown;
}

export interface Container {
  readonly name: string;
  readonly image?: string;
  readonly ports?: readonly ContainerPort[];
  readonly env?: readonly EnvVariable[];
  readonly envFrom?: readonly { readonly prefix?: string; readonly [source: string]: unknown }[];
  readonly volumeMounts?: readonly VolumeMount[];
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly startupProbe?: Probe;
  readonly lifecycle?: { readonly postStart?: Probe; readonly preStop?: Probe; readonly [field: string]: unknown };
  readonly securityContext?: SecurityContext;
  readonly [field: string]: unknown;
}

export interface ContainerPort {
  readonly name?: string;
  readonly containerPort: number;
  readonly protocol?: string;
  readonly [field: string]: unknown;
}

export interface EnvVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly resourceFieldRef?: { readonly containerName?: string }; readonly [source: string]: unknown };
}

export interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly?: boolean;
  readonly subPath?: string;
  readonly subPathExpr?: string;
  readonly [field: string]: unknown;
}

/** A probe or a lifecycle hook: what asks a port. */
export interface Probe {
  readonly httpGet?: PortUser;
  readonly tcpSocket?: PortUser;
  readonly grpc?: PortUser;
  readonly [field: string]: unknown;
}

interface PortUser {
  readonly port: number | string;
  /** Where it asks, if not at the pod's address. */
  readonly host?: string;
  readonly [field: string]: unknown;
}

export interface PodStatus {
  readonly phase?: string;
  readonly conditions?: readonly Condition[];
  readonly initContainerStatuses?: readonly ContainerStatus[];
  readonly containerStatuses?: readonly ContainerStatus[];
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

export interface ContainerStatus {
  readonly name: string;
  readonly ready?: boolean;
  readonly restartCount?: number;
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
}

interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly running?: unknown;
  readonly terminated?: { readonly exitCode?: number; readonly reason?: string; readonly message?: string };
}

/** The part of a workload that pods are made from. */
export interface PodTemplate {
  readonly metadata?: PodMetadata;
  readonly spec?: PodSpec;
}

export interface ServiceObject {
  readonly metadata?: { readonly name?: string; readonly uid?: string };
  readonly spec?: {
    readonly type?: string;
    readonly clusterIP?: string;
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports?: readonly {
      readonly name?: string;
      readonly port: number;
      readonly protocol?: string;
      readonly targetPort?: number | string;
      readonly appProtocol?: string;
    }[];
  };
}
