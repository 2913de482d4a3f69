import type { SharedState } from './shared-state.ts';
import { writeFd } from './system-calls.ts';

/** Puts packets into the device from the connection thread; each write is one packet, so that the packet thread's do not mix with it. */
export class PacketWriter {
  /** Room for the largest packet; what is built here is written before anything else can be built. */
  readonly scratch = new Uint8Array(65_536);
  readonly #tunFd: number;
  readonly #shared: SharedState;
  #writeErrors = 0;

  constructor(tunFd: number, shared: SharedState) {
    this.#tunFd = tunFd;
    this.#shared = shared;
  }

  get writeErrors(): number {
    return this.#writeErrors;
  }

  /** Writes the first `length` bytes. @returns whether the device took them; after `stop` nothing is written. */
  write(packet: Uint8Array, length: number): boolean {
    if (this.#shared.isStopRequested) return false;
    const isWritten = writeFd(this.#tunFd, packet, length) === length;
    if (!isWritten) this.#writeErrors += 1;
    return isWritten;
  }
}
