// A small line chart on a canvas: axes with round ticks, several series, a dashed reference, an own log axis on the right.
const niceTicks = (low, high, count) => {
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((k) => k * power).find((s) => s >= rough * 0.999);
  const ticks = [];
  for (let t = Math.ceil(low / step - 1e-9) * step; t <= high + step * 1e-9; t += step) ticks.push(Math.abs(t) < step * 1e-6 ? 0 : t);
  return ticks;
};
const logTicks = (low, high) => {  // low and high are log10
  const decades = [], few = high - low < 1.6;
  for (let d = Math.floor(low); d <= Math.ceil(high); d++) {
    for (const k of few ? [1, 2, 5] : [1]) {
      const t = d + Math.log10(k);
      if (t >= low - 1e-9 && t <= high + 1e-9) decades.push(t);
    }
  }
  const every = Math.ceil(decades.length / 5);
  return decades.filter((_, i) => i % every === 0);
};
const shortNumber = (v) => {
  if (v === 0) return "0";
  const a = Math.abs(v);
  if (a >= 1e6) return `${+(v / 1e6).toPrecision(3)}M`;
  if (a >= 1e4) return `${+(v / 1e3).toPrecision(3)}k`;
  const text = a < 1e-3 ? v.toExponential(0) : String(+v.toPrecision(3));
  return text.replace("-", "−");
};

// One vertical scale: `at` maps a value to 0 (bottom) .. 1 (top), null where it cannot be shown.
const verticalScale = (values, log) => {
  const fn = log ? Math.log10 : (v) => v;
  const usable = values.filter((v) => Number.isFinite(v) && (!log || v > 0)).map(fn);
  if (!usable.length) return null;
  let low = Math.min(...usable), high = Math.max(...usable);
  if (!log && usable.length > 20) {  // the first steps of a training tower over the rest: the top is the 98th percentile
    const sorted = [...usable].sort((a, b) => a - b);
    const cap = sorted[Math.floor(0.98 * (sorted.length - 1))];
    if (high - low > 3 * (cap - low) && cap > low) high = cap + 0.25 * (cap - low);
  }
  const pad = high > low ? 0.06 * (high - low) : Math.max(Math.abs(high) * 0.1, 0.1);
  low -= pad; high += pad;
  return {
    at: (v) => (Number.isFinite(v) && (!log || v > 0) ? (fn(v) - low) / (high - low) : null),
    ticks: (count) => (log ? logTicks(low, high) : niceTicks(low, high, count)).map((t) => ({
      y: (t - low) / (high - low), text: shortNumber(log ? 10 ** t : t) })),
  };
};

// Draws `curve` into `canvas` at its CSS size; returns {nearest(px)} for the hover readout, or null where nothing shows.
const drawCurve = (canvas, curve, look) => {
  const dpr = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (!width || !height) return null;
  if (canvas.width !== pixels(width) || canvas.height !== pixels(height)) {
    canvas.width = pixels(width); canvas.height = pixels(height);
  }
  const g = canvas.getContext("2d");
  g.setTransform(dpr, 0, 0, dpr, 0, 0);
  g.clearRect(0, 0, width, height);
  g.font = `12px ${look.font}`;
  g.textBaseline = "middle";
  const series = (curve?.series || []).filter((s) => s.x.length);
  const isRight = (s) => Boolean(s.log) && !curve.log;
  const reference = curve?.reference;
  const left = verticalScale(
    series.filter((s) => !isRight(s)).flatMap((s) => s.y).concat(reference ? [reference.y] : []), curve?.log);
  const right = verticalScale(series.filter(isRight).flatMap((s) => s.y), true);
  const lastX = Math.max(1, ...series.map((s) => s.x[s.x.length - 1]));
  const firstX = Math.min(...series.map((s) => s.x[0]), lastX - 1);
  const count = height < 170 ? 3 : 5;
  const widthOf = (ticks) => Math.max(0, ...ticks.map((t) => g.measureText(t.text).width));
  const leftTicks = left ? left.ticks(count) : [], rightTicks = right ? right.ticks(count) : [];
  const box = { x0: Math.max(26, widthOf(leftTicks) + 10), x1: width - (right ? widthOf(rightTicks) + 10 : 8), y0: 26, y1: height - 34 };
  const px = (x) => box.x0 + ((x - firstX) / (lastX - firstX)) * (box.x1 - box.x0);
  const py = (t) => box.y1 - t * (box.y1 - box.y0);

  g.lineWidth = 1;
  g.strokeStyle = look.grid;
  g.fillStyle = look.text;
  g.textAlign = "right";
  for (const t of leftTicks) {
    g.beginPath(); g.moveTo(box.x0, py(t.y)); g.lineTo(box.x1, py(t.y)); g.stroke();
    g.fillText(t.text, box.x0 - 6, py(t.y));
  }
  g.textAlign = "left";
  for (const t of rightTicks) g.fillText(t.text, box.x1 + 6, py(t.y));
  g.strokeStyle = look.axis;
  g.beginPath(); g.moveTo(box.x0, box.y1); g.lineTo(box.x1, box.y1); g.stroke();
  g.textAlign = "center";
  if (series.length) {
    for (const t of niceTicks(firstX, lastX, width < 320 ? 3 : 5)) g.fillText(shortNumber(t), Math.min(Math.max(px(t), box.x0 + 4), box.x1 - 6), box.y1 + 11);
  }
  g.textAlign = "right";
  g.fillText(curve?.x_label || "", box.x1, height - 8);

  if (reference && left) {
    const y = py(left.at(reference.y));
    g.strokeStyle = look.text; g.setLineDash([4, 4]);
    g.beginPath(); g.moveTo(box.x0, y); g.lineTo(box.x1, y); g.stroke();
    g.setLineDash([]);
    g.textAlign = "left";
    g.fillText(reference.label, box.x0 + 4, y + (y > box.y1 - 18 ? -9 : 9));
  }
  g.save();
  g.beginPath(); g.rect(box.x0, box.y0 - 4, box.x1 - box.x0 + 4, box.y1 - box.y0 + 5); g.clip();
  g.lineWidth = 2; g.lineJoin = "round"; g.lineCap = "round";
  series.forEach((s, i) => {
    const scale = isRight(s) ? right : left;
    g.strokeStyle = look.colours[i % look.colours.length];
    g.beginPath();
    let pen = false;
    s.x.forEach((x, k) => {
      const t = scale?.at(s.y[k]) ?? null;
      if (t === null) { pen = false; return; }
      if (pen) g.lineTo(px(x), py(t)); else g.moveTo(px(x), py(t));
      if (s.x.length === 1) g.lineTo(px(x), py(t));  // a round cap: the first estimate is a dot
      pen = true;
    });
    g.stroke();
  });
  g.restore();

  // legend: a dash and a name each; right-hand log series say so by their label
  let x = box.x0;
  g.textAlign = "left";
  series.forEach((s, i) => {
    const name = series.length === 1 ? curve.y_label || s.name : s.name;
    g.fillStyle = look.colours[i % look.colours.length];
    g.fillRect(x, 10, 12, 3);
    g.fillStyle = look.strong;
    g.fillText(name, x + 17, 12);
    x += 17 + g.measureText(name).width + 16;
  });
  if (series.length > 1 && curve.y_label && x + g.measureText(curve.y_label).width < box.x1) {
    g.fillStyle = look.text;
    g.textAlign = "right";
    g.fillText(curve.y_label, box.x1, 12);
    g.textAlign = "left";
  }
  if (!series.length) {
    g.fillStyle = look.text;
    g.fillText(curve?.y_label || "", box.x0, 12);
    return null;
  }
  return {
    nearest: (position) => {
      const wanted = firstX + ((position - box.x0) / (box.x1 - box.x0)) * (lastX - firstX);
      const [s0] = series;
      let best = 0;
      s0.x.forEach((v, k) => { if (Math.abs(v - wanted) < Math.abs(s0.x[best] - wanted)) best = k; });
      const at = s0.x[best];
      return { left: px(at), rows: series.map((s) => [s.name, s.y[s.x.indexOf(at)]]), x: at };
    },
  };
};
