import type { ComponentPropsWithRef, ReactNode } from 'react';

interface IconButtonProps extends Omit<ComponentPropsWithRef<'button'>, 'type' | 'className'> {
  /** Its name, and what it says when the pointer rests on it where `title` does not say more. */
  readonly 'aria-label': string;
  readonly children: ReactNode;
}

/** A button of one sign for the rows of long tables, where those of the kit take most of the time that a row takes. */
export function IconButton({ title, ...rest }: IconButtonProps) {
  return <button type="button" className="ui-icon-button" title={title ?? rest['aria-label']} {...rest} />;
}
