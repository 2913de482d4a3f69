import { Button } from '@mantine/core';
import { CopyButton } from './copy-button.tsx';
import { ShapeIcon } from './shape.tsx';

export interface NoticeRemedy {
  readonly label: string;
  readonly command?: string | undefined;
  readonly act?: (() => void) | undefined;
}

/** What happened, why, and what to do. */
export function Notice({
  severity,
  title,
  reason,
  remedies = [],
  actions,
  copyLabel,
}: {
  readonly severity: 'error' | 'warning' | 'info';
  readonly title: React.ReactNode;
  readonly reason?: React.ReactNode;
  readonly remedies?: readonly NoticeRemedy[];
  readonly actions?: React.ReactNode;
  /** Name of the button that copies a remedy's command. */
  readonly copyLabel: (command: string) => string;
}) {
  return (
    <div className="ui-notice" data-severity={severity} role={severity === 'error' ? 'alert' : 'status'}>
      <ShapeIcon shape={severity === 'info' ? 'hollow' : 'triangle'} tone={tones[severity]} size={16} />
      <div className="ui-notice-body">
        <p className="ui-notice-title">{title}</p>
        {reason !== undefined && <p className="tp-dim">{reason}</p>}
        {remedies.length > 0 && (
          <ul className="ui-remedies">
            {remedies.map((remedy) => (
              <li key={`${remedy.label} ${remedy.command ?? ''}`}>
                {remedy.act === undefined ? (
                  <span>{remedy.label}</span>
                ) : (
                  <Button variant="default" onClick={remedy.act}>
                    {remedy.label}
                  </Button>
                )}
                {remedy.command !== undefined && (
                  <span className="ui-command">
                    <code>{remedy.command}</code>
                    <CopyButton text={remedy.command} label={copyLabel(remedy.command)} />
                  </span>
                )}
              </li>
            ))}
          </ul>
        )}
      </div>
      {actions !== undefined && <div className="ui-row">{actions}</div>}
    </div>
  );
}

const tones = { error: 'bad', warning: 'warn', info: 'accent' } as const;
