/** What `Version` says first. */
export const managerProductName = 'Telepresence Desktop Traffic Manager';
