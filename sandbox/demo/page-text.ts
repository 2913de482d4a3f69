/** The shop's page as a person would see it: a line for each product, the total, and who served it. */
export function pageText(html: string): string {
  const text = (pattern: RegExp) => plain(pattern.exec(html)?.[1] ?? '');
  const rows = [...html.matchAll(/<tr>(.*?)<\/tr>/g)].map(([, row = '']) => {
    const [name = '', price = '', stock = ''] = [...row.matchAll(/<td>(.*?)<\/td>/g)].map(([, cell = '']) => plain(cell));
    return `${name.padEnd(8)}${price.padStart(14)}  ${stock}`;
  });
  return [text(/<h1>(.*?)<\/h1>/), ...rows, `Your cart: ${text(/id="total">(.*?)</)}`, text(/id="served-by">(.*?)</)].join('\n');
}

function plain(html: string): string {
  return html
    .replaceAll(/<s>(.*?)<\/s>/g, '($1)')
    .replaceAll(/<[^>]+>/g, '')
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&amp;', '&');
}
