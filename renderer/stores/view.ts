import { create } from 'zustand';
import type { DeepLink } from '#protocol/app-bridge/deep-link.ts';
import type { LogSource } from '#protocol/local-api/log-api.ts';

/** A place in the window. Members say what the place is about. */
export type Place =
  /** `change`: filled in where one chooses. */
  | { readonly page: 'connect'; readonly change?: ConnectChange }
  | { readonly page: 'workloads' }
  /** `workload`: its `workloadKey`. */
  | { readonly page: 'intercept'; readonly workload?: string }
  /** `engagement`: `connection/name`. */
  | { readonly page: 'engagements'; readonly engagement?: string }
  /** `engagement`: only what is this one's. */
  | { readonly page: 'traffic'; readonly engagement?: string }
  | { readonly page: 'terminal' }
  /** `workload`: only logs of its pods. */
  | { readonly page: 'logs'; readonly source?: LogSource; readonly workload?: WorkloadPlace }
  | { readonly page: 'diagnose' }
  | { readonly page: 'settings'; readonly section?: string };
export type PageName = Place['page'];

/** A workload, for pages that show what belongs to it. */
export interface WorkloadPlace {
  readonly namespace: string;
  readonly name: string;
}

/** Fields of a connect that are to be other than they are. */
export interface ConnectChange {
  readonly context?: string;
  readonly namespace?: string;
  readonly managerNamespace?: string;
  readonly mode?: 'host' | 'rootless';
  readonly mappedNamespaces?: string[];
  readonly alsoProxy?: string[];
  readonly neverProxy?: string[];
  readonly allowConflictingSubnets?: string[];
  readonly vnat?: string[];
}

/** What a button of a remedy would end or change, with the command line that does the same. `connection`: its name. */
export type AskedRemedy =
  | { readonly kind: 'stop-daemon'; readonly command: string }
  | { readonly kind: 'disconnect'; readonly command: string; readonly connection: string }
  | { readonly kind: 'reconnect'; readonly command: string; readonly connection: string; readonly change: ConnectChange }
  | {
      readonly kind: 'upgrade';
      readonly command: string;
      readonly connection: string | undefined;
      /** As after `--set`. */
      readonly values: readonly string[];
      readonly isReused: boolean;
    };

/** What a link says of an intercept. */
export type InterceptLink = Omit<Extract<DeepLink, { kind: 'intercept' }>, 'kind'>;

/** A tab of the docked panel, linked to the thing it belongs to. */
export type DockTab =
  | { readonly kind: 'terminal'; readonly id: string; readonly terminal: string }
  | { readonly kind: 'log'; readonly id: string; readonly source: LogSource };

interface View {
  /** Undefined: the page that fits the daemon's state. */
  readonly place: Place | undefined;
  /** Name of the connection that the pages are about; undefined: the first. */
  readonly connection: string | undefined;
  /** Kinds of tabs that this window can show. */
  readonly dockKinds: readonly DockTab['kind'][];
  readonly dockTabs: readonly DockTab[];
  readonly dockTab: string | undefined;
  readonly isDockOpen: boolean;
  readonly isTaskListOpen: boolean;
  /** Waits for the person's word. */
  readonly deepLink: DeepLink | undefined;
  /** Waits for the person's word, too. */
  readonly remedy: AskedRemedy | undefined;
  /** A link that was followed: it waits for its connection and workload, and is filled in then. */
  readonly interceptLink: InterceptLink | undefined;
}

export const useView = create<View>()(() => ({
  place: undefined,
  connection: undefined,
  dockKinds: [],
  dockTabs: [],
  dockTab: undefined,
  isDockOpen: false,
  isTaskListOpen: false,
  deepLink: undefined,
  remedy: undefined,
  interceptLink: undefined,
}));

export function openPlace(place: Place): void {
  useView.setState({ place });
}

export function forgetInterceptLink(): void {
  useView.setState({ interceptLink: undefined });
}

export function chooseConnection(connection: string | undefined): void {
  useView.setState({ connection });
}

/** Shows a tab; one with the same id is shown instead of opened again. */
export function openDockTab(tab: DockTab): void {
  const { dockTabs } = useView.getState();
  const others = dockTabs.some(({ id }) => id === tab.id) ? dockTabs : [...dockTabs, tab];
  useView.setState({ dockTabs: others, dockTab: tab.id, isDockOpen: true });
}

export function closeDockTab(id: string): void {
  const { dockTabs, dockTab } = useView.getState();
  const left = dockTabs.filter((tab) => tab.id !== id);
  useView.setState({ dockTabs: left, dockTab: dockTab === id ? left.at(-1)?.id : dockTab, isDockOpen: left.length > 0 });
}

export function showDock(isDockOpen: boolean): void {
  useView.setState({ isDockOpen });
}

export function showTaskList(isTaskListOpen: boolean): void {
  useView.setState({ isTaskListOpen });
}
