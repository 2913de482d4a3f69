import { connectScreens } from './screens/connect-screens.ts';
import { engagementScreens } from './screens/engagement-screens.ts';
import type { Screen } from './screens/screen.ts';
import { shellScreens } from './screens/shell-screens.ts';
import { wizardScreens } from './screens/wizard-screens.ts';
import { workloadScreens } from './screens/workload-screens.ts';

/** Every screen in every state: judged by axe, and kept as pictures. */
export const screens: readonly Screen[] = [
  ...connectScreens,
  ...workloadScreens,
  ...wizardScreens,
  ...engagementScreens,
  ...shellScreens,
];
