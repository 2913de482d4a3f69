import { create } from 'zustand';

/** Whether the page shows the export of logs. */
export const useLogExport = create<{ readonly isOpen: boolean }>()(() => ({ isOpen: false }));

export function showLogExport(isOpen: boolean): void {
  useLogExport.setState({ isOpen });
}
