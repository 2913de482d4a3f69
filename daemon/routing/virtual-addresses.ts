import { type Cidr, containsIp } from '#base/common/cidr.ts';
import { familyBits, formatIp, type IpAddress } from '#base/common/ip.ts';

/**
 * Stand-ins for cluster addresses that the laptop has a route of its own to. A real address gets the next free one of the virtual subnet
 * when it is first looked up, and keeps it; so one /16 serves clusters of any size as long as fewer than 65,000 names are asked for.
 */
export class VirtualAddresses {
  readonly #pool: Cidr;
  readonly #translated: readonly Cidr[];
  readonly #toVirtual = new Map<bigint, bigint>();
  readonly #toReal = new Map<bigint, bigint>();

  constructor(pool: Cidr, translated: readonly Cidr[]) {
    this.#pool = pool;
    this.#translated = translated;
  }

  get pool(): Cidr {
    return this.#pool;
  }

  get translated(): readonly Cidr[] {
    return this.#translated;
  }

  /** What the laptop uses for a real address: the address itself outside the translated subnets; `undefined` once the pool is empty. */
  virtualOf(real: IpAddress): IpAddress | undefined {
    if (real.family !== this.#pool.family || !this.#translated.some((cidr) => containsIp(cidr, real))) return real;
    const known = this.#toVirtual.get(real.value);
    if (known !== undefined) return { family: real.family, value: known };
    // The first address of a subnet is its own.
    const offset = BigInt(this.#toVirtual.size + 1);
    if (offset >= 1n << BigInt(familyBits(real.family) - this.#pool.prefix)) return undefined;
    const virtual = this.#pool.value + offset;
    this.#toVirtual.set(real.value, virtual);
    this.#toReal.set(virtual, real.value);
    return { family: real.family, value: virtual };
  }

  /** Where a packet for the address has to go; `undefined` for a virtual address that stands for nothing. */
  realOf(address: IpAddress): IpAddress | undefined {
    if (!containsIp(this.#pool, address)) return address;
    const real = this.#toReal.get(address.value);
    return real === undefined ? undefined : { family: address.family, value: real };
  }

  describe(): string {
    return `${this.#toVirtual.size} addresses in ${formatIp(this.#pool)}/${this.#pool.prefix}`;
  }
}
