/** Version of every part that is built from this tree; `package.json` has the same, which a test checks. */
export const productVersion = '0.1.0';
