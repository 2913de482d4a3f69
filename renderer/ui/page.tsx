/** A page: its heading, its actions, and what it is about. `isFlush`: the content goes to the edges, and scrolls itself. */
export function Page({
  title,
  detail,
  actions,
  isFlush = false,
  children,
}: {
  readonly title: string;
  readonly detail?: React.ReactNode;
  readonly actions?: React.ReactNode;
  readonly isFlush?: boolean;
  readonly children: React.ReactNode;
}) {
  return (
    <section className="ui-page" aria-label={title}>
      <header className="ui-page-header">
        <h1>{title}</h1>
        {detail !== undefined && <span className="tp-dim tp-cut">{detail}</span>}
        <span className="ui-page-actions">{actions}</span>
      </header>
      {/* A region that scrolls can be reached by keyboard. */}
      <div className={isFlush ? 'ui-page-body ui-flush' : 'ui-page-body'} {...(isFlush ? {} : { tabIndex: -1 })}>
        {children}
      </div>
    </section>
  );
}

/** A part of a page with a heading of its own. */
export function Section({
  title,
  actions,
  children,
}: {
  readonly title: string;
  readonly actions?: React.ReactNode;
  readonly children: React.ReactNode;
}) {
  return (
    <section className="ui-section" aria-label={title}>
      <header className="ui-section-header">
        <h2>{title}</h2>
        <span className="ui-page-actions">{actions}</span>
      </header>
      {children}
    </section>
  );
}

/** Says that there is nothing, why, and what to do. */
export function Empty({
  title,
  children,
  actions,
}: {
  readonly title: string;
  readonly children?: React.ReactNode;
  readonly actions?: React.ReactNode;
}) {
  return (
    <div className="ui-empty">
      <p className="ui-empty-title">{title}</p>
      {children !== undefined && <p className="tp-dim">{children}</p>}
      {actions !== undefined && <div className="ui-row">{actions}</div>}
    </div>
  );
}

/** Lines that stand for what is on its way. */
export function Loading({ label, rows = 6 }: { readonly label: string; readonly rows?: number }) {
  return (
    <div className="ui-loading" role="status" aria-label={label}>
      {Array.from({ length: rows }, (_unused, index) => (
        <div key={index} className="ui-loading-row" style={{ width: `${86 - ((index * 17) % 40)}%` }} />
      ))}
    </div>
  );
}

/** Names and values in two columns. */
export function Facts({ facts }: { readonly facts: readonly (readonly [name: string, value: React.ReactNode])[] }) {
  return (
    <dl className="ui-facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
