export interface DnsHookRequest {
  readonly interface: string;
  /** IPv4 address of the interface, where its DNS sockets listen on port 53. */
  readonly address: string;
  readonly domains: readonly string[];
  readonly exemptPorts: { readonly first: number; readonly last: number };
}

/** What the laptop's resolver used before. */
export interface FormerDns {
  readonly formerServers: readonly string[];
  readonly search: readonly string[];
}

/** The mode does not suit this laptop, so that the next one is tried. Nothing was changed. */
export class HookUnsuitable extends Error {
  override readonly name = 'HookUnsuitable';
}
