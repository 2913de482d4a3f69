import * as z from 'zod/mini';
import type { ErrorData } from '#protocol/errors/app-error.ts';
import { helperDescription } from '#protocol/local-api/diagnose-api.ts';
import { deepLink } from './deep-link.ts';

const helperServiceDescription = z.object({
  state: z.enum(['unsupported', 'not-installed', 'installed']),
  /** Why it is unsupported. */
  reason: z.optional(z.string()),
  /** Installs or uninstalls it, as root, word by word. */
  command: z.optional(z.array(z.string())),
  /** What that makes or removes. */
  paths: z.array(z.object({ path: z.string(), purpose: z.string() })),
});
/** The helper as a service of the system: whether it is one, and what changing that would run and touch. */
export type HelperServiceDescription = z.infer<typeof helperServiceDescription>;

/**
 * What only the app's main process can do for its page, as a value. It is spoken over a MessagePort of its own, beside the one that
 * carries the local API; both come to the page as window messages (`ports.ts`). In a browser there is none, and a page does
 * without.
 *
 * ```
 * page → main   {id, call, input}           ids are the page's, increasing from 1
 * main → page   {id, output} or {id, error}
 * main → page   {push: event}               one of `appEvent`
 * ```
 */
export const appBridge = {
  describeApp: {
    input: z.strictObject({}),
    output: z.object({
      platform: z.string(),
      version: z.string(),
      /** Whether closing the window leaves something to open it with. */
      hasTray: z.boolean(),
      /** Whether this build looks for updates of its own. */
      canUpdate: z.boolean(),
    }),
  },
  /** The system's dialog for choosing a folder. */
  chooseFolder: {
    input: z.strictObject({ title: z.string(), directory: z.optional(z.string()) }),
    /** Absent: nothing was chosen. */
    output: z.object({ directory: z.optional(z.string()) }),
  },
  /** Opens a page in the browser: `https:` only, and `http:` of the loopback and of cluster names is for the page's own links. */
  openExternal: {
    input: z.strictObject({ url: z.string().check(z.maxLength(2_048)) }),
    output: z.object({}),
  },
  /** Shows a file or folder in the system's file manager. Nothing is opened or run. */
  showItem: { input: z.strictObject({ path: z.string().check(z.maxLength(4_096)) }), output: z.object({}) },
  /** Starts a daemon where one was ended; what follows shows by its port. */
  startDaemon: { input: z.strictObject({}), output: z.object({}) },
  /** What starting the privileged helper would run and touch: shown before it is started. */
  describeHelperStart: {
    input: z.strictObject({}),
    output: helperDescription,
  },
  /** Starts the helper through the system's password prompt. `command` is what the person was shown, and must be what would run. */
  startHelper: { input: z.strictObject({ command: z.array(z.string()) }), output: z.object({}) },
  describeHelperService: { input: z.strictObject({}), output: helperServiceDescription },
  /** Makes the helper a service of the system, or ends that. `command` is what the person was shown, and must be what would run. */
  changeHelperService: {
    input: z.strictObject({ isInstalled: z.boolean(), command: z.array(z.string()) }),
    output: z.object({}),
  },
  /** The person's answer to "keep running or end?"; without `choice` the question is asked by a dialog of the system. */
  quitApp: { input: z.strictObject({ choice: z.optional(z.enum(['keep-running', 'end'])) }), output: z.object({}) },
  /** Looks for an update now. */
  checkForUpdate: {
    input: z.strictObject({}),
    output: z.object({ /** Absent: there is none. */ version: z.optional(z.string()) }),
  },
} as const;

export type AppBridge = typeof appBridge;
export type AppCallName = keyof AppBridge;
export type AppCallInput<Name extends AppCallName> = z.infer<AppBridge[Name]['input']>;
export type AppCallOutput<Name extends AppCallName> = z.infer<AppBridge[Name]['output']>;

/** Where the window is asked to go. */
export const appPages = ['connect', 'workloads', 'engagements', 'logs', 'diagnose', 'settings'] as const;

/** What main tells the page. A deep link opens a confirm screen and does nothing else. */
export const appEvent = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('deep-link'), link: deepLink }),
  z.object({
    kind: z.literal('show-page'),
    page: z.enum(appPages),
    /** `connection/name` of an engagement that the page is about. */
    engagement: z.optional(z.string()),
  }),
  /** The daemon does not answer, and why; the page's port to it is closed. A new port follows when there is a daemon again. */
  z.object({ kind: z.literal('daemon-lost'), message: z.string(), reason: z.optional(z.string()) }),
  /** Somebody ended the daemon; it is not started before somebody says so. */
  z.object({ kind: z.literal('daemon-ended') }),
]);
export type AppEvent = z.infer<typeof appEvent>;

/** A request of the page, before its input is known to fit the call. */
export const appRequest = z.strictObject({
  id: z.int().check(z.minimum(1)),
  call: z.enum(Object.keys(appBridge) as [AppCallName, ...AppCallName[]]),
  input: z.unknown(),
});

/** What main sends over the bridge's port. */
export type AppMessage =
  | { readonly id: number; readonly output: unknown }
  | { readonly id: number; readonly error: ErrorData }
  | { readonly push: AppEvent };
