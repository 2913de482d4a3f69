/** Styles are imported once, by `main.tsx`; the bundler makes one file of them. */
declare module '*.css';
