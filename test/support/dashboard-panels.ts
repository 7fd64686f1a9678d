import { DASHBOARDS } from '../../scripts/monitoring/dashboards.ts';

/** Every query of every panel, with a name that says where it stands. */
export const PANELS = Object.entries(DASHBOARDS).flatMap(([file, { rows }]) =>
  rows.flatMap(({ panels }) =>
    panels.flatMap(({ title, queries }) =>
      queries.map(({ expr }, index) => ({ name: `${file}, ${title}, ${index + 1}`, expr })),
    ),
  ),
);
