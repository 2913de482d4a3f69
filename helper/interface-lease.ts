import { closeSync, readFileSync } from 'node:fs';
import { containsIp, parseCidr } from '#base/common/cidr.ts';
import { formatIp, type IpAddress, parseIp } from '#base/common/ip.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { HelperInput, HelperOutput } from '#protocol/helper/helper-api.ts';
import { clearDnsHook, setDnsHook } from './dns-hook.ts';
import type { Laptop } from './laptop.ts';
import { bindSocket, interfaceIndex, openTun } from './linux-devices.ts';
import { changeRoutes, listRoutes, planRoutes, refuseRoute } from './routes.ts';
import { undoEntries } from './undo.ts';

/** Packets that the device holds while the daemon is busy: the default of 500 drops bursts of a fast sender (measured). */
const transmitQueueLength = 5_000;
const dnsPort = 53;
const anyPort = 0;
const maxInterfaces = 1_000;
/** An address of the interface comes with a subnet on the link; larger ones belong into routes. */
const minLinkPrefix = { 4: 16, 6: 64 } as const;

/**
 * One TUN device with its routes and DNS hook.
 *
 * The helper keeps none of its descriptors once they are handed over: the device then lives as long as the daemon, whatever
 * becomes of the helper, and is gone with the daemon's end even where the helper was killed.
 */
export class InterfaceLease {
  readonly name: string;
  readonly index: number;
  /** Whether the device has an IPv6 address. */
  readonly hasIpv6: boolean;
  readonly #laptop: Laptop;
  readonly #address: IpAddress;
  #descriptors: readonly number[];

  private constructor(laptop: Laptop, device: Device, address: IpAddress, sockets: readonly number[], hasIpv6: boolean) {
    this.#laptop = laptop;
    this.name = device.name;
    this.index = device.index;
    this.#address = address;
    this.#descriptors = [device.descriptor, ...sockets];
    this.hasIpv6 = hasIpv6;
  }

  /** @throws AppError `interface.no-tun`, `interface.failed`, `helper.invalid-request`; nothing is left behind then. */
  static async create(laptop: Laptop, input: HelperInput<'createInterface'>): Promise<InterfaceLease> {
    const ipv4 = linkAddress(input.ipv4, 4);
    const hasIpv6 = input.ipv6 !== undefined && isIpv6Enabled(laptop);
    const addresses = hasIpv6 && input.ipv6 !== undefined ? [input.ipv4, linkAddress(input.ipv6, 6).text] : [input.ipv4];
    const device = makeDevice(laptop);
    const opened = [device.descriptor];
    try {
      await configure(laptop, device.name, input.mtu, addresses, hasIpv6);
      for (const kind of ['udp', 'tcp'] as const) opened.push(bindSocket(kind, ipv4.ip, dnsPort));
      if (input.withListeners === true) {
        const ips = addresses.flatMap((address) => parseIp(address.split('/')[0] ?? '') ?? []);
        for (const ip of ips) opened.push(bindSocket('tcp', ip, anyPort));
      }
      return new InterfaceLease(laptop, device, ipv4.ip, opened.slice(1), hasIpv6);
    } catch (error) {
      for (const descriptor of opened) closeSync(descriptor);
      await undoEntries(laptop, device.name);
      throw interfaceFailed(error, device.name, ipv4.ip);
    }
  }

  /** TUN, UDP socket, TCP socket, and listeners where they were asked for; empty once they were released. */
  get descriptors(): readonly number[] {
    return this.#descriptors;
  }

  /** Closes the helper's own copies. */
  releaseDescriptors(): void {
    for (const descriptor of this.#descriptors) closeSync(descriptor);
    this.#descriptors = [];
  }

  async setRoutes(routes: readonly string[], reserved: readonly string[]): Promise<HelperOutput<'setRoutes'>> {
    for (const text of routes) {
      const cidr = parseCidr(text);
      const refusal = cidr === undefined ? 'it is not a subnet' : refuseRoute(cidr, reserved, this.#laptop.isIsolated);
      if (refusal !== undefined) throw refused(`${text} is not routed through ${this.name}`, refusal, { route: text });
      if (cidr?.family === 6 && !this.hasIpv6) {
        throw refused(`${text} is not routed through ${this.name}`, 'the interface has no IPv6 address', { route: text });
      }
    }
    const present = await listRoutes(this.#laptop.commands, this.name, this.hasIpv6);
    const change = planRoutes(present, routes);
    await changeRoutes(this.#laptop.commands, this.name, change);
    return { added: [...change.added], removed: [...change.removed] };
  }

  async setDns(input: HelperInput<'setDns'>): Promise<HelperOutput<'setDns'>> {
    const { first, last } = input.exemptPorts;
    if (first > last) throw refused('The DNS hook was not set', `the exempt ports end (${last}) before they begin (${first})`);
    const { domains, exemptPorts } = input;
    return await setDnsHook(
      this.#laptop,
      { interface: this.name, address: formatIp(this.#address), domains, exemptPorts },
      input.modes,
    );
  }

  async clearDns(): Promise<void> {
    await clearDnsHook(this.#laptop, this.name);
  }

  /** Undoes everything. @returns whether nothing is left; what is left stays in the journal. */
  async delete(): Promise<boolean> {
    this.releaseDescriptors();
    return await undoEntries(this.#laptop, this.name);
  }
}

interface Device {
  readonly name: string;
  readonly index: number;
  readonly descriptor: number;
}

function makeDevice(laptop: Laptop): Device {
  for (let number = 0; number < maxInterfaces; number += 1) {
    const name = `tel${number}`;
    if (interfaceIndex(name) !== undefined || laptop.journal.find('interface', name) !== undefined) continue;
    laptop.journal.record({ kind: 'interface', interface: name });
    let descriptor: number | undefined;
    try {
      descriptor = openTun(name);
    } catch (error) {
      laptop.journal.remove({ kind: 'interface', interface: name });
      throw noTun(error);
    }
    const index = descriptor === undefined ? undefined : interfaceIndex(name);
    if (descriptor !== undefined && index !== undefined) {
      laptop.journal.record({ kind: 'interface', interface: name, index });
      return { name, index, descriptor };
    }
    // Somebody else took the name between our look and our attempt.
    laptop.journal.remove({ kind: 'interface', interface: name });
    if (descriptor !== undefined) closeSync(descriptor);
  }
  throw new AppError({ code: 'interface.failed', message: `All interface names up to tel${maxInterfaces - 1} are taken` });
}

async function configure(
  laptop: Laptop,
  name: string,
  mtu: number,
  addresses: readonly string[],
  hasIpv6: boolean,
): Promise<void> {
  const lines = [
    `link set dev ${name} mtu ${mtu} txqueuelen ${transmitQueueLength}`,
    // Without this the kernel adds a link-local address and sends router solicitations into the device.
    ...(hasIpv6 ? [`link set dev ${name} addrgenmode none`] : []),
    ...addresses.map((address) => `address add ${address} dev ${name}${address.includes(':') ? ' nodad' : ''}`),
    `link set dev ${name} up`,
  ];
  await laptop.commands.run('ip', ['-batch', '-'], `${lines.join('\n')}\n`);
}

/** The address in `address/prefix`, whose host bits `parseCidr` drops. */
function linkAddress(text: string, family: 4 | 6): { readonly ip: IpAddress; readonly text: string } {
  const ip = parseIp(text.split('/')[0] ?? '');
  const subnet = parseCidr(text);
  const invalid = (reason: string) => refused(`${text} cannot be an address of the interface`, reason);
  if (ip === undefined || subnet === undefined || ip.family !== family) throw invalid(`it is not an IPv${family} address`);
  if (subnet.prefix < minLinkPrefix[family]) throw invalid(`its subnet is wider than /${minLinkPrefix[family]}`);
  const refusal = refuseRoute(subnet, [], false);
  if (refusal !== undefined) throw invalid(refusal.replace(/^it /, 'its subnet '));
  const isNetworkAddress = subnet.prefix < (family === 4 ? 31 : 127) && ip.value === subnet.value;
  if (isNetworkAddress || !containsIp(subnet, ip)) throw invalid('it is the address of the subnet itself');
  return { ip, text: `${formatIp(ip)}/${subnet.prefix}` };
}

function isIpv6Enabled(laptop: Laptop): boolean {
  try {
    return readFileSync(laptop.files.ipv6Disabled, 'utf8').trim() === '0';
  } catch {
    return false;
  }
}

function refused(message: string, reason: string, context: Readonly<Record<string, string>> = {}): AppError {
  return new AppError({ code: 'helper.invalid-request', message, reason, context });
}

function noTun(error: unknown): AppError {
  const { code, message } = error as NodeJS.ErrnoException;
  const isClosed = code === 'EACCES' || code === 'EPERM';
  return new AppError(
    {
      code: 'interface.no-tun',
      message: 'The virtual network interface could not be made',
      reason: `/dev/net/tun ${isClosed ? 'is there, but may not be opened' : 'is missing'} (${message})`,
      remedies: isClosed
        ? [
            { label: 'Let everybody open it, as most systems do', command: 'sudo chmod 0666 /dev/net/tun' },
            { label: 'Or connect with root’s help', command: 'telepresence connect' },
          ]
        : [
            { label: 'Load the kernel module', command: 'sudo modprobe tun' },
            { label: 'In a container, add --device /dev/net/tun and --cap-add NET_ADMIN' },
          ],
    },
    error,
  );
}

function interfaceFailed(error: unknown, name: string, address: IpAddress): AppError {
  if (error instanceof AppError) return error;
  const message = `The virtual network interface ${name} could not be set up`;
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
    return new AppError(
      {
        code: 'interface.failed',
        message,
        reason: `Port ${dnsPort} of ${formatIp(address)} is in use: by a DNS server on every address, or by an earlier interface`,
        remedies: [{ label: 'Make that DNS server listen on addresses of its own (dnsmasq: bind-dynamic)' }],
      },
      error,
    );
  }
  const reason = error instanceof Error ? error.message.replace(/\s*\n\s*/g, '; ') : String(error);
  return new AppError({ code: 'interface.failed', message, reason }, error);
}
