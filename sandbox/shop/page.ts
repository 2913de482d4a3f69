import type { Catalogue, Offer } from './products.ts';

/** The shop's page, without scripts of others and readable as text: one table row for each product. */
export function renderPage(catalogue: Catalogue, total: number): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${escaped(catalogue.title)}</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; color: #1c2733 }
  table { width: 100%; border-collapse: collapse } td { padding: .4rem 0; border-bottom: 1px solid #dde3ea }
  td:nth-child(n + 2) { text-align: right } s { color: #64748b } footer { margin-top: 2rem; color: #64748b }
</style>
<h1>${escaped(catalogue.title)}</h1>
<table>
${catalogue.offers.map(row).join('\n')}
</table>
<p>Your cart: <strong id="total">${money(total)}</strong></p>
<footer id="served-by">${escaped(catalogue.servedBy)}</footer>
<script>
  const live = new WebSocket('ws://' + location.host + '/live')
  live.onmessage = ({ data }) => {
    const { total, servedBy } = JSON.parse(data)
    if (document.getElementById('served-by').textContent !== servedBy) location.reload()
    document.getElementById('total').textContent = total.toFixed(2)
  }
</script>
</html>
`;
}

function row({ name, price, formerPrice, inStock }: Offer): string {
  const former = formerPrice === undefined ? '' : `<s>${money(formerPrice)}</s> `;
  return `<tr><td>${escaped(name)}</td><td>${former}${money(price)}</td><td>${inStock === 0 ? 'sold out' : `${inStock} left`}</td></tr>`;
}

function money(amount: number): string {
  return amount.toFixed(2);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
