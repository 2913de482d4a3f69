/** What goes wrong on the node on purpose. Nothing does unless a test or a demonstration asks for it. */
export interface NodeFaults {
  /** Pulls take this long; of one image, or of all. */
  slowImagePull(delayMs: number, image?: string): void;
  /** Pulls fail, as where a registry has no such image. */
  failImagePull(message: string, image?: string): void;
  /** Pods whose `namespace/name` begins so never get ready. */
  neverReady(podPrefix: string): void;
  /** Port-forwards, new and open ones. */
  portForward(trouble: PortForwardTrouble): void;
  /** Ends every open port-forward at once. */
  cutPortForwards(): void;
  /** Ends every container, as where the node starts anew. */
  restartNode(): void;
  /** Undoes all of it. */
  heal(): void;
}

export interface PortForwardTrouble {
  readonly delayMs?: number;
  readonly bytesPerSecond?: number;
  /** Share of what is sent that comes as late as a packet that was lost and sent again. */
  readonly lossPercent?: number;
  /** Connections stay open and nothing gets through. */
  readonly isBlackhole?: boolean;
}

/** The same, as the node reads it. */
export interface FaultState extends Omit<NodeFaults, 'cutPortForwards' | 'restartNode'> {
  imagePull(image: string): { readonly delayMs: number; readonly failure?: string };
  isNeverReady(pod: string): boolean;
  readonly portForwardTrouble: PortForwardTrouble;
  onChange(listener: () => void): () => void;
}

const everyImage = '*';

export function createFaults(): FaultState {
  const delays = new Map<string, number>();
  const failures = new Map<string, string>();
  const unready = new Set<string>();
  const listeners = new Set<() => void>();
  let trouble: PortForwardTrouble = {};
  const changed = () => {
    for (const listener of listeners) listener();
  };
  return {
    slowImagePull: (delayMs, image = everyImage) => delays.set(image, delayMs),
    failImagePull: (message, image = everyImage) => failures.set(image, message),
    neverReady: (podPrefix) => {
      unready.add(podPrefix);
      changed();
    },
    portForward: (next) => {
      trouble = next;
      changed();
    },
    heal: () => {
      delays.clear();
      failures.clear();
      unready.clear();
      trouble = {};
      changed();
    },
    imagePull: (image) => {
      const failure = failures.get(image) ?? failures.get(everyImage);
      return { delayMs: delays.get(image) ?? delays.get(everyImage) ?? 0, ...(failure === undefined ? {} : { failure }) };
    },
    isNeverReady: (pod) => [...unready].some((prefix) => pod.startsWith(prefix)),
    get portForwardTrouble() {
      return trouble;
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
