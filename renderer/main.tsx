import './styles.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { listenForBridge } from './api/app-bridge.ts';
import { daemonChannels } from './api/daemon-channels.ts';
import { keepDaemonSession } from './api/daemon-session.ts';
import { App } from './app/app.tsx';
import { dockPanels } from './app/dock-panels.ts';
import { loadPartsWhenIdle } from './app/lazy-part.ts';
import { type DockTab, useView } from './stores/view.ts';

const root = document.querySelector('#root');
if (root === null) throw new Error('The page has no place for the app');

useView.setState({ dockKinds: Object.keys(dockPanels) as DockTab['kind'][] });
listenForBridge();
void keepDaemonSession(daemonChannels(), new AbortController().signal);
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
loadPartsWhenIdle();
