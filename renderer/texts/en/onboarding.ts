export const onboardingTexts = {} as const;
