// The catalogue as a developer changes it: everything that is in stock is on sale.
import { serveCatalogue } from './catalogue-server.ts';

const reduction = 0.8;

serveCatalogue({
  version: 'catalogue v2, with a sale,',
  change: (offer) =>
    offer.inStock === 0 ? offer : { ...offer, formerPrice: offer.price, price: Math.round(offer.price * reduction * 100) / 100 },
});
