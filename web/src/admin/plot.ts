// The one file that loads uPlot. It is loaded when the first plot is to be drawn.

import UPlot from "uplot";

export interface Plot {
  set: (times: number[], values: (number | null)[][]) => void;
  close: () => void;
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Without am and pm; uPlot would add them, and the date as the United States write it. */
function timeOfDay(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString("en", { hourCycle: "h23" });
}

/** Draws lines into an element, and follows its width. */
export function plot(into: HTMLElement, names: string[], unit: string): Plot {
  const colours = ["--k-rtc", "--k-room", "--k-sync"];
  const axis = { stroke: colour("--soft-ink"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const chart = new UPlot(
    {
      width: Math.max(200, into.clientWidth),
      height: 150,
      cursor: { y: false },
      legend: { live: false },
      axes: [
        { ...axis, space: 80, size: 30, values: (_, ticks) => ticks.map(timeOfDay) },
        { ...axis, size: 56, values: (_, ticks) => ticks.map((n) => `${n.toLocaleString("en")}${unit}`) },
      ],
      scales: { x: { range: (_, low, high) => [Math.min(low, high - 60), high] }, y: { range: (_, low, high) => [Math.min(0, low), Math.max(high * 1.1, 1)] } },
      series: [{}, ...names.map((label, i) => ({ label, stroke: colour(colours[i] ?? "--ink"), width: 2, spanGaps: true }))],
    },
    [[], ...names.map(() => [])],
    into,
  );
  const watcher = new ResizeObserver(() => chart.setSize({ width: Math.max(200, into.clientWidth), height: 150 }));
  watcher.observe(into);
  return {
    set: (times, values) => {
      const [first] = times;
      if (first !== undefined && times.length === 1) {
        // With one point uPlot would show years around it.
        chart.setData([[first - 60, first], ...values.map((line) => [null, ...line])]);
      } else {
        chart.setData([times, ...values]);
      }
    },
    close: () => {
      watcher.disconnect();
      chart.destroy();
    },
  };
}
