/** A line of the shop's assortment, as it is in the file of the catalogue's volume. */
export interface Product {
  readonly id: string;
  readonly name: string;
  readonly price: number;
}

/** A product as customers see it. */
export interface Offer extends Product {
  readonly inStock: number;
  /** What it cost before, where it is on sale. */
  readonly formerPrice?: number;
}

/** What the catalogue answers. */
export interface Catalogue {
  readonly title: string;
  /** Which version of the catalogue this is, and where it runs. */
  readonly servedBy: string;
  /** Fingerprint of the club's secret, as the catalogue has it in its environment; absent: it has none. */
  readonly club?: string;
  readonly offers: readonly Offer[];
}
