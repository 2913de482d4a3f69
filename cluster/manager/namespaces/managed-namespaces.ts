import type { Logger } from '#base/common/log.ts';
import type { KubeClient } from '#net/kube/kube-client.ts';
import { selects } from '#protocol/chart/label-selector.ts';
import type { LabelSelector } from '#protocol/chart/manager-environment.ts';
import { AppError } from '#protocol/errors/app-error.ts';

export interface ManagedNamespacesOptions {
  readonly kube: Pick<KubeClient, 'find'>;
  readonly logger: Logger;
  readonly managerNamespace: string;
  /** Empty: all. */
  readonly names: readonly string[];
  readonly selector: LabelSelector | undefined;
}

interface NamespaceObject {
  readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
}

/** Longer than this, nobody waits for the API server to say what labels a namespace has. */
const answerMs = 5_000;

/** Which namespaces the traffic-manager works in: all, those of a list, or those whose labels fit. */
export class ManagedNamespaces {
  readonly #options: ManagedNamespacesOptions;

  constructor(options: ManagedNamespacesOptions) {
    this.#options = options;
  }

  /**
   * @throws AppError `manager.namespace-not-managed` with the namespaces that are; `cluster.namespace-not-found` where labels decide and there
   * is no such namespace.
   */
  async check(namespace: string): Promise<void> {
    const { names, selector, managerNamespace } = this.#options;
    if (names.length > 0) {
      if (!names.includes(namespace)) throw this.#notManaged(namespace, `It manages ${names.join(', ')}`);
    } else if (selector !== undefined && namespace !== managerNamespace) {
      const labels = await this.#labelsOf(namespace);
      if (labels !== undefined && !selects(selector, labels)) {
        throw this.#notManaged(namespace, `It manages namespaces with ${describeSelector(selector)}`);
      }
    }
  }

  /** `undefined` where the API server does not say: that must not shut laptops out. */
  async #labelsOf(namespace: string): Promise<Readonly<Record<string, string>> | undefined> {
    const { kube, logger } = this.#options;
    try {
      const found = await kube.find<NamespaceObject>(`/api/v1/namespaces/${namespace}`, AbortSignal.timeout(answerMs));
      if (found !== undefined) return found.metadata?.labels ?? {};
    } catch (error) {
      logger.warn('The labels of a namespace cannot be read', { namespace, error });
      return undefined;
    }
    throw new AppError({ code: 'cluster.namespace-not-found', message: `There is no namespace "${namespace}"` });
  }

  #notManaged(namespace: string, reason: string): AppError {
    const { managerNamespace } = this.#options;
    return new AppError({
      code: 'manager.namespace-not-managed',
      message: `The traffic-manager in namespace "${managerNamespace}" does not manage the namespace "${namespace}"`,
      reason,
      context: { namespace, managerNamespace },
      remedies: [
        { label: 'Connect to a namespace that it manages', command: 'telepresence connect --namespace NAME' },
        { label: 'Have this one managed', command: 'telepresence helm upgrade --reuse-values --set namespaces=…' },
      ],
    });
  }
}

function describeSelector({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const labels = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  const expressions = matchExpressions.map(({ key, operator, values = [] }) => {
    const list = values.length === 0 ? '' : ` (${values.join(', ')})`;
    return `${key} ${operator}${list}`;
  });
  return [...labels, ...expressions].join(', ');
}
