import { connectTexts } from './en/connect.ts';
import { diagnoseTexts } from './en/diagnose.ts';
import { engagementTexts } from './en/engagements.ts';
import { helperTexts } from './en/helper.ts';
import { interceptTexts } from './en/intercept.ts';
import { logTexts } from './en/logs.ts';
import { onboardingTexts } from './en/onboarding.ts';
import { settingTexts } from './en/settings.ts';
import { shellTexts } from './en/shell.ts';
import { terminalTexts } from './en/terminal.ts';
import { trafficTexts } from './en/traffic.ts';
import { workloadTexts } from './en/workloads.ts';

/** Every English text of the window. A translation is another value of this type. */
export const texts = {
  shell: shellTexts,
  connect: connectTexts,
  workloads: workloadTexts,
  intercept: interceptTexts,
  engagements: engagementTexts,
  traffic: trafficTexts,
  terminal: terminalTexts,
  logs: logTexts,
  diagnose: diagnoseTexts,
  settings: settingTexts,
  helper: helperTexts,
  onboarding: onboardingTexts,
} as const;
