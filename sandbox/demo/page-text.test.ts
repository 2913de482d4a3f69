import { describe, expect, it } from 'vitest';
import { renderPage } from '../shop/page.ts';
import { pageText } from './page-text.ts';

describe('the text of the shop’s page', () => {
  it('has a line for each product, the total and who served it', () => {
    const page = renderPage(
      {
        title: 'Tea for two',
        servedBy: 'catalogue v1 on pod-1',
        offers: [
          { id: 'teapot', name: 'Teapot', price: 24.5, inStock: 12 },
          { id: 'spoon', name: 'Spoon', price: 3.2, inStock: 0 },
        ],
      },
      48.5,
    );
    expect(pageText(page).split('\n')).toEqual([
      'Tea for two',
      'Teapot           24.50  12 left',
      'Spoon             3.20  sold out',
      'Your cart: 48.50',
      'catalogue v1 on pod-1',
    ]);
  });

  it('puts a former price into brackets', () => {
    const offers = [{ id: 'cup', name: 'Cup', price: 4.8, formerPrice: 6, inStock: 48 }];
    const page = renderPage({ title: 'Shop', servedBy: 'v2', offers }, 19.2);
    expect(pageText(page)).toContain('Cup        (6.00) 4.80  48 left');
  });

  it('shows marks of HTML in names as they are', () => {
    const offers = [{ id: 'pot', name: 'Pot <"big"> & round', price: 1, inStock: 1 }];
    const page = renderPage({ title: 'A & B', servedBy: '<v1>', offers }, 0);
    expect(pageText(page)).toContain('A & B');
    expect(pageText(page)).toContain('Pot <"big"> & round');
    expect(pageText(page)).toContain('<v1>');
  });

  it('shows a page that is not the shop’s as one without products', () => {
    expect(pageText('<p>502</p>')).toBe('\nYour cart: \n');
  });
});
