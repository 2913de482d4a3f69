import { assertNever } from '#base/common/assert-never.ts';
import { clockText } from '#base/common/clock-text.ts';
import type { Connection, ConnectRequest, DaemonState, Engagement } from '#protocol/local-api/model.ts';
import { worstTrouble } from './trouble.ts';

/** Shapes, for colour alone says nothing to many people, and macOS shows none. */
export type TrayShape = 'off' | 'connecting' | 'on' | 'engaged' | 'paused' | 'trouble' | 'key';

/** What the tray shows, as a value: `tray-adapter.ts` hands it to Electron. */
export interface TrayView {
  /** `count` of engagements: drawn up to 9. */
  readonly icon: { readonly shape: TrayShape; readonly count: number };
  readonly tooltip: string;
  /** At most ten, separators aside. */
  readonly items: readonly TrayItem[];
}

export type TrayItem =
  /** Says something and does nothing. */
  | { readonly kind: 'label'; readonly label: string }
  | { readonly kind: 'separator' }
  | { readonly kind: 'action'; readonly label: string; readonly action: TrayAction; readonly isChecked?: boolean }
  | { readonly kind: 'menu'; readonly label: string; readonly items: readonly TrayItem[] };

export type TrayAction =
  | { readonly kind: 'connect'; readonly request: ConnectRequest }
  /** Ends what is there, with its engagements, before it connects. */
  | { readonly kind: 'reconnect'; readonly request: ConnectRequest }
  | { readonly kind: 'disconnect' }
  | { readonly kind: 'pause'; readonly minutes: number }
  | { readonly kind: 'resume' }
  | { readonly kind: 'leave'; readonly connection: string; readonly name: string }
  | { readonly kind: 'open-log'; readonly engagement: string }
  | { readonly kind: 'copy'; readonly text: string }
  | { readonly kind: 'start-daemon' }
  | { readonly kind: 'start-helper' }
  | { readonly kind: 'diagnose' }
  | { readonly kind: 'open-window' }
  | { readonly kind: 'settings' }
  | { readonly kind: 'install-update' }
  | { readonly kind: 'quit' };

/** What the tray is drawn from. */
export interface TraySnapshot {
  readonly daemon:
    | { readonly kind: 'starting' }
    | { readonly kind: 'lost'; readonly reason: string }
    /** There may be one, but it is not this user's to control. */
    | { readonly kind: 'refused'; readonly reason: string }
    | { readonly kind: 'ended' }
    | { readonly kind: 'connected'; readonly state: DaemonState };
  /** Names in the kubeconfig, the current one first. */
  readonly contexts: readonly string[];
  /** Of the connected cluster, or of the current context. */
  readonly namespaces: readonly string[];
  /** A version of the app that has been fetched. */
  readonly update?: string;
}

const maxTopItems = 10;

/** More would not be found by the eye; the window has them all. */
const maxListed = 25;

export function trayView(snapshot: TraySnapshot): TrayView {
  const view = viewOfDaemon(snapshot);
  return snapshot.update === undefined ? view : { ...view, items: withUpdate(view.items, snapshot.update) };
}

/** Above Quit, where there is room: it is installed by quitting, too. */
function withUpdate(items: readonly TrayItem[], version: string): readonly TrayItem[] {
  if (items.filter(({ kind }) => kind !== 'separator').length >= maxTopItems) return items;
  return items.toSpliced(-1, 0, action(`Restart into ${version}`, { kind: 'install-update' }));
}

function viewOfDaemon(snapshot: TraySnapshot): TrayView {
  const { daemon } = snapshot;
  switch (daemon.kind) {
    case 'starting':
      return daemonless('connecting', 'Starting');
    case 'lost':
      return daemonless('trouble', `Trouble: ${daemon.reason}`);
    case 'refused':
      // Everything that asks the daemon would fail, the checks too.
      return {
        icon: { shape: 'trouble', count: 0 },
        tooltip: `Telepresence\nNot yours to control: ${daemon.reason}`,
        items: [label(`Not yours to control: ${daemon.reason}`), separator, openWindow, separator, quit],
      };
    case 'ended':
      return daemonless('off', 'Off: the daemon was ended', [action('Start', { kind: 'start-daemon' })]);
    case 'connected':
      return connectedView(snapshot, daemon.state);
    default:
      return assertNever(daemon);
  }
}

function daemonless(shape: TrayShape, line: string, actions: readonly TrayItem[] = []): TrayView {
  return {
    icon: { shape, count: 0 },
    tooltip: `Telepresence\n${line}`,
    items: [label(line), ...actions, separator, diagnose, openWindow, separator, quit],
  };
}

function connectedView(snapshot: TraySnapshot, state: DaemonState): TrayView {
  const connections = Object.values(state.connections);
  const engagements = Object.values(state.engagements);
  const shape = shapeOf(state);
  const items = withoutEmptyParts([
    label(stateLine(state)),
    mainAction(snapshot, state, shape),
    separator,
    ...contextMenu(snapshot, connections),
    ...namespaceMenu(snapshot, connections),
    ...engagementMenu(engagements),
    ...pauseItems(connections),
    separator,
    diagnose,
    openWindow,
    settings,
    separator,
    quit,
  ]);
  return { icon: { shape, count: shape === 'engaged' ? engagements.length : 0 }, tooltip: tooltip(state), items };
}

/** The worst of what is there counts: an icon that looks well must not hide trouble. */
function shapeOf(state: DaemonState): TrayShape {
  const trouble = worstTrouble(state);
  if (trouble !== undefined) return trouble.isHelper ? 'key' : 'trouble';
  const kinds = new Set(Object.values(state.connections).map((connection) => connection.state.kind));
  if (kinds.has('connecting')) return 'connecting';
  if (kinds.has('paused')) return 'paused';
  if (kinds.has('on')) return Object.keys(state.engagements).length > 0 ? 'engaged' : 'on';
  return 'off';
}

function stateLine(state: DaemonState): string {
  const trouble = worstTrouble(state);
  if (trouble !== undefined) return `Trouble: ${trouble.text}`;
  const connection = mainConnection(Object.values(state.connections));
  if (connection === undefined) return 'Off';
  const place = `${connection.context} · ${connection.namespace}`;
  switch (connection.state.kind) {
    case 'off':
      return 'Off';
    case 'connecting':
      return `Connecting to ${place}: ${connection.state.stage}`;
    case 'paused':
      return connection.state.until === undefined
        ? `Paused: ${place}`
        : `Paused until ${clockText(connection.state.until)}: ${place}`;
    case 'on':
      return `On: ${place}`;
    // Both are trouble, which was told above.
    case 'degraded':
    case 'reconnecting':
      return `Trouble: ${place}`;
    default:
      return assertNever(connection.state);
  }
}

function tooltip(state: DaemonState): string {
  const engagements = Object.values(state.engagements);
  const line = stateLine(state);
  const lines = ['Telepresence', line];
  const connection = mainConnection(Object.values(state.connections));
  // A line of trouble says what is wrong, and not where.
  const place = connection === undefined ? undefined : `${connection.context} · ${connection.namespace}`;
  if (place !== undefined && !line.includes(place)) lines.push(place);
  if (engagements.length > 0) {
    const names = engagements.slice(0, 3).map((engagement) => engagement.workload);
    lines.push(`${counted(engagements.length, 'engagement')}: ${names.join(', ')}${engagements.length > 3 ? ', …' : ''}`);
  }
  return lines.join('\n');
}

function mainAction(snapshot: TraySnapshot, state: DaemonState, shape: TrayShape): TrayItem {
  if (shape === 'key') return action('Start the helper…', { kind: 'start-helper' });
  const live = Object.values(state.connections).filter(({ state: { kind } }) => kind !== 'off');
  if (live.length > 0) return action('Disconnect', { kind: 'disconnect' });
  const recent = Object.values(state.recents).toSorted((a, b) => b.lastUsed.localeCompare(a.lastUsed))[0];
  if (recent !== undefined) {
    return action(`Connect to ${recent.context} · ${recent.namespace}`, { kind: 'connect', request: recent.request });
  }
  const [context] = snapshot.contexts;
  return action(context === undefined ? 'Connect' : `Connect to ${context}`, { kind: 'connect', request: { kubeFlags: {} } });
}

function contextMenu({ contexts }: TraySnapshot, connections: readonly Connection[]): readonly TrayItem[] {
  if (contexts.length === 0) return [];
  const current = mainConnection(connections);
  const items = contexts.slice(0, maxListed).map((context) => {
    const request = { kubeFlags: { context } };
    return chosen(context, current?.context === context, { kind: current === undefined ? 'connect' : 'reconnect', request });
  });
  return [menu(current === undefined ? 'Context' : `Context: ${current.context}`, more(items, contexts.length))];
}

function namespaceMenu({ namespaces }: TraySnapshot, connections: readonly Connection[]): readonly TrayItem[] {
  const current = mainConnection(connections);
  if (current === undefined || namespaces.length === 0) return [];
  const items = namespaces.slice(0, maxListed).map((namespace) => {
    const request: ConnectRequest = { kubeFlags: { context: current.context }, namespace };
    return chosen(namespace, current.namespace === namespace, { kind: 'reconnect', request });
  });
  return [menu(`Namespace: ${current.namespace}`, more(items, namespaces.length))];
}

function engagementMenu(engagements: readonly Engagement[]): readonly TrayItem[] {
  if (engagements.length === 0) return [];
  const items = engagements
    .toSorted((a, b) => a.name.localeCompare(b.name))
    .slice(0, maxListed)
    .map((engagement) => menu(engagement.name, engagementItems(engagement)));
  return [menu(counted(engagements.length, 'engagement'), more(items, engagements.length))];
}

function engagementItems(engagement: Engagement): readonly TrayItem[] {
  const { connection, name } = engagement;
  const curl = curlCommand(engagement);
  return [
    label(`${engagement.mode} of ${engagement.workload}: ${engagement.state.kind}`),
    action('Leave', { kind: 'leave', connection, name }),
    action('Open log', { kind: 'open-log', engagement: `${connection}/${name}` }),
    ...(curl === undefined ? [] : [action('Copy curl', { kind: 'copy', text: curl })]),
  ];
}

/** A request that reaches the engaged workload as others in the cluster do; `undefined` where no Service leads to it over TCP. */
function curlCommand({ ports, namespace }: Engagement): string | undefined {
  const service = ports.find((port) => port.protocol === 'TCP' && port.service !== undefined)?.service;
  return service === undefined ? undefined : `curl http://${service.name}.${namespace}:${service.port}/`;
}

function pauseItems(connections: readonly Connection[]): readonly TrayItem[] {
  const kinds = connections.map(({ state: { kind } }) => kind);
  if (kinds.includes('paused')) return [action('Resume', { kind: 'resume' })];
  if (!kinds.some((kind) => kind === 'on' || kind === 'degraded')) return [];
  return [
    menu('Pause', [
      action('For 15 minutes', { kind: 'pause', minutes: 15 }),
      action('For 1 hour', { kind: 'pause', minutes: 60 }),
    ]),
  ];
}

/** The one that is shown where there are several: the first that is not off. */
function mainConnection(connections: readonly Connection[]): Connection | undefined {
  return connections.find(({ state: { kind } }) => kind !== 'off');
}

function more(items: readonly TrayItem[], total: number): readonly TrayItem[] {
  return items.length === total ? items : [...items, separator, action(`${total - items.length} more…`, { kind: 'open-window' })];
}

/** Of two separators with nothing between them, one is enough. */
function withoutEmptyParts(items: readonly TrayItem[]): readonly TrayItem[] {
  return items.filter(({ kind }, index) => kind !== 'separator' || items[index - 1]?.kind !== 'separator');
}

function label(text: string): TrayItem {
  return { kind: 'label', label: shortened(text) };
}

function action(text: string, does: TrayAction): TrayItem {
  return { kind: 'action', label: shortened(text), action: does };
}

function chosen(text: string, isChecked: boolean, does: TrayAction): TrayItem {
  return { kind: 'action', label: shortened(text), action: does, isChecked };
}

function menu(text: string, items: readonly TrayItem[]): TrayItem {
  return { kind: 'menu', label: shortened(text), items };
}

/** Menus grow as wide as their longest line, and a message or a context's name may be long. */
function shortened(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length > 64 ? `${line.slice(0, 63)}…` : line;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

const separator: TrayItem = { kind: 'separator' };
const diagnose = action('Diagnose…', { kind: 'diagnose' });
const openWindow = action('Open window', { kind: 'open-window' });
const settings = action('Settings', { kind: 'settings' });
const quit = action('Quit…', { kind: 'quit' });
