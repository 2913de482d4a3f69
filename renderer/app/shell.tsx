import { Suspense } from 'react';
import { texts } from '../texts/en.ts';
import { Loading } from '../ui/page.tsx';
import { useCurrentPlace } from './current-place.ts';
import { DeepLinkConfirm } from './deep-link-confirm.tsx';
import { Dock } from './dock.tsx';
import { FirstRun } from './first-run.tsx';
import { Messages } from './messages.tsx';
import { PageBoundary } from './page-boundary.tsx';
import { pages } from './pages.ts';
import { Palette } from './palette.tsx';
import { ProblemsBanner } from './problems-banner.tsx';
import { Rail } from './rail.tsx';
import { RemedyConfirm } from './remedy-confirm.tsx';
import { StatusBar } from './status-bar.tsx';
import { TopBar } from './top-bar.tsx';
import { useShortcuts } from './use-shortcuts.ts';
import { WorkloadSubscription } from './workload-subscription.tsx';

/** The window: what is on every page, and the page. */
export function Shell() {
  const place = useCurrentPlace();
  const entry = pages.find(({ page }) => page === place?.page);
  useShortcuts();
  return (
    <div className="app-shell">
      <a className="app-skip" href="#page">
        {texts.shell.skip}
      </a>
      <TopBar />
      <div className="app-middle">
        <Rail current={place?.page} />
        <div className="app-content">
          <ProblemsBanner />
          <main id="page" className="app-page" tabIndex={-1}>
            {entry === undefined ? (
              <>
                <h1 className="tp-hidden">{texts.shell.product}</h1>
                <Loading label={texts.shell.loading} />
              </>
            ) : (
              <PageBoundary key={entry.page} title={texts.shell.pages[entry.page]}>
                <Suspense fallback={<Loading label={texts.shell.loading} />}>
                  <entry.Component />
                </Suspense>
              </PageBoundary>
            )}
          </main>
          <Dock />
        </div>
      </div>
      <StatusBar />
      <Messages />
      <Palette />
      <DeepLinkConfirm />
      <RemedyConfirm />
      <FirstRun />
      <WorkloadSubscription />
    </div>
  );
}
