import * as z from 'zod/mini';
import { parseCidr } from '#base/common/cidr.ts';
import { parseIp } from '#base/common/ip.ts';

/**
 * What the daemon may ask of the privileged helper: one JSON object per line over the helper's Unix socket, answered in
 * order by one object per line.
 *
 * ```
 * → {"id":1,"call":"createInterface","input":{…}}
 * ← {"id":1,"output":{…}}            or   {"id":1,"error":{"code":"interface.no-tun","message":"…"}}
 * ```
 *
 * The connection is the lease: when it closes, whatever it created is undone. File descriptors do not fit in JSON: an answer
 * carries a `claim`, and a second connection to the same socket whose first line is `{"claim":"…"}` receives one byte `f`
 * with the descriptors as ancillary data (SCM_RIGHTS), once, within 5 s.
 */
export const helperProtocolVersion = 3;

/** Lines longer than this end the connection: 64 KiB holds some 3,000 routes. */
export const helperMaxLineBytes = 65_536;

/** Interface names that the helper touches: `tel` and a number. */
export const interfaceNamePattern = /^tel[0-9]{1,3}$/;

const cidr = z.string().check(z.refine((text) => parseCidr(text) !== undefined, 'not a subnet'));
const ip = z.string().check(z.refine((text) => parseIp(text) !== undefined, 'not an address'));
const interfaceName = z.string().check(z.regex(interfaceNamePattern));
/** RFC 1035 text form, at most 253 characters; `~` in front marks a routing-only domain. */
const domain = z.string().check(z.regex(/^~?[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?$|^~\.$/));
const port = z.int().check(z.minimum(1), z.maximum(65_535));

export const dnsHookModes = ['resolved', 'nftables', 'resolv-conf'] as const;
export type DnsHookMode = (typeof dnsHookModes)[number];

export const helperApi = {
  /** First call of a connection. Refused where the versions differ. */
  hello: {
    input: z.strictObject({ version: z.int() }),
    /** A service of the system stays when nobody is connected. */
    output: z.object({ version: z.int(), pid: z.int(), isService: z.optional(z.literal(true)) }),
  },
  /**
   * Makes a TUN device with the first free name (`tel0`, `tel1`, …), gives it the addresses, brings it up, and binds a UDP and a
   * listening TCP socket on port 53 of the IPv4 address. The claim yields three descriptors: TUN, UDP socket, TCP socket; then,
   * `withListeners`, a listening TCP socket on a free port of each address. The TUN descriptor is non-blocking. Descriptors of an earlier interface with the same address have to be closed before.
   */
  createInterface: {
    input: z.strictObject({
      /** Bytes; 65535 keeps segments large, since nothing below the device limits them. */
      mtu: z.int().check(z.minimum(1280), z.maximum(65_535)),
      ipv4: cidr,
      ipv6: z.optional(cidr),
      /** For a daemon in another network namespace. */
      withListeners: z.optional(z.literal(true)),
    }),
    output: z.object({
      name: z.string(),
      index: z.int(),
      claim: z.string(),
      /** The laptop's kernel has IPv6 switched off: the IPv6 address was left out, and IPv6 routes will be refused. */
      withoutIpv6: z.optional(z.literal(true)),
    }),
  },
  /**
   * Makes the routes through the interface be exactly these. A default route, a subnet wider than /4 (IPv4) or /16 (IPv6), loopback,
   * multicast, IPv6 link-local and a subnet that covers one of `reserved` (the API server) are refused. A route that another
   * interface has already is never replaced: `route.overlap`. After an error the routes are as before.
   */
  setRoutes: {
    input: z.strictObject({ interface: interfaceName, routes: z.array(cidr), reserved: z.array(ip) }),
    output: z.object({ added: z.array(z.string()), removed: z.array(z.string()) }),
  },
  /** Sends the laptop's name look-ups to the interface's DNS sockets. Called again, it replaces what was set. */
  setDns: {
    input: z.strictObject({
      interface: interfaceName,
      /** Routing domains and search domains for systemd-resolved; the other modes ignore them. */
      domains: z.array(domain),
      /** Source ports of the daemon's own queries to the former resolver, of all its connections, which the redirect leaves alone. */
      exemptPorts: z.strictObject({ first: port, last: port }),
      /** Modes to try, in order. */
      modes: z.array(z.enum(dnsHookModes)),
    }),
    output: z.object({
      mode: z.enum(dnsHookModes),
      /** Name servers that were in use before, for everything that is not the cluster's. */
      formerServers: z.array(z.string()),
      /** Search path of the laptop's resolver, which the daemon leaves to it. */
      search: z.array(z.string()),
    }),
  },
  /** Takes the DNS hook away again, keeping interface and routes. */
  clearDns: { input: z.strictObject({ interface: interfaceName }), output: z.object({}) },
  /**
   * Connects by TCP from the helper's network namespace, for a daemon outside of it; refused where the helper serves the whole laptop.
   * The claim yields the connected socket.
   */
  connectTcp: { input: z.strictObject({ address: ip, port }), output: z.object({ claim: z.string() }) },
  /** Undoes everything about the interface. */
  deleteInterface: { input: z.strictObject({ interface: interfaceName }), output: z.object({}) },
  /** How much the helper writes into its log, for all its connections; `info` at first. */
  setLogLevel: {
    input: z.strictObject({ level: z.enum(['error', 'warn', 'info', 'debug', 'trace']) }),
    output: z.object({}),
  },
  /** Ends the helper once nothing is left to undo; of one that is a service, only the connection. */
  quit: { input: z.strictObject({}), output: z.object({}) },
} as const;

export type HelperApi = typeof helperApi;
export type HelperCall = keyof HelperApi;
export type HelperInput<Call extends HelperCall> = z.infer<HelperApi[Call]['input']>;
export type HelperOutput<Call extends HelperCall> = z.infer<HelperApi[Call]['output']>;
