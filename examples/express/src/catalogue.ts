export interface Product {
  id: string;
  name: string;
  description: string;
  priceInCents: number;
}

export const catalogue: readonly Product[] = [
  { id: "coffee", name: "Coffee beans", description: "Ethiopian, washed, 250 g", priceInCents: 1290 },
  { id: "teapot", name: "Teapot", description: "Stoneware, 0.9 litres", priceInCents: 3450 },
  { id: "honey", name: "Linden honey", description: "From the roof, 500 g", priceInCents: 890 },
  { id: "notebook", name: "Notebook", description: "Dotted, 160 pages", priceInCents: 1600 },
];

export function findProduct(id: unknown): Product | undefined {
  return catalogue.find((product) => product.id === id);
}
