/** Hours and minutes of this laptop's day, as its language writes them. `time` is ISO 8601. */
export function clockText(time: string): string {
  return new Date(time).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
}
