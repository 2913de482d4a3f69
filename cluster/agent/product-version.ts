/** What `Version` says first, and what the traffic-manager knows this agent as. */
export const agentProductName = 'Telepresence Desktop Traffic Agent';
