/** A container cannot start yet: something that it refers to is missing. */
export class ContainerConfigError extends Error {
  override readonly name = 'ContainerConfigError';
}
