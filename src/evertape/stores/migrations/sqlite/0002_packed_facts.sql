-- Facts were a row each; now a row holds a tag's whole series as a JSON array, a tenth of the rows.
CREATE TABLE IF NOT EXISTS facts_coded (
  cik INTEGER NOT NULL,
  taxonomy INTEGER NOT NULL,
  tag INTEGER NOT NULL,
  unit INTEGER NOT NULL,
  start_date INTEGER NOT NULL,
  end_date INTEGER NOT NULL,
  value REAL NOT NULL,
  filed_date INTEGER NOT NULL,
  accession_number INTEGER NOT NULL,
  form INTEGER NOT NULL,
  repeats TEXT,
  absent_on INTEGER,
  PRIMARY KEY (cik, taxonomy, tag, unit, end_date, start_date, filed_date, accession_number)
) WITHOUT ROWID;

DROP VIEW IF EXISTS facts;

CREATE TABLE facts_packed (
  cik INTEGER NOT NULL,
  taxonomy INTEGER NOT NULL,
  tag INTEGER NOT NULL,
  unit INTEGER NOT NULL,
  reports TEXT NOT NULL,
  PRIMARY KEY (cik, taxonomy, tag, unit)
);

-- A missing start was stored as the day before 0001-01-01.
INSERT INTO facts_packed (cik, taxonomy, tag, unit, reports)
SELECT f.cik, f.taxonomy, f.tag, f.unit, json_group_array(json_array(
  f.end_date,
  NULLIF(f.start_date, -719163),
  f.value,
  f.filed_date,
  f.accession_number,
  f.form,
  json(f.repeats),
  f.absent_on
))
FROM (
  SELECT g.cik, g.taxonomy, g.tag, g.unit, g.start_date, g.end_date, g.value, g.filed_date, g.accession_number,
    c.text AS form, g.absent_on,
    COALESCE((
      SELECT json_group_array(CAST(replace(r.value, '-', '') AS INTEGER))
      FROM json_each('["' || replace(g.repeats, ' ', '","') || '"]') AS r
    ), '[]') AS repeats
  FROM facts_coded AS g JOIN codes AS c ON c.id = g.form
  ORDER BY g.cik, g.taxonomy, g.tag, g.unit, g.end_date, g.start_date, g.filed_date, g.accession_number
) AS f
GROUP BY f.cik, f.taxonomy, f.tag, f.unit;

DROP TABLE facts_coded;

ALTER TABLE facts_packed RENAME TO facts_coded;

INSERT OR REPLACE INTO table_fingerprints (name, declaration) VALUES ('facts', '{"columns": [["cik", "integer", false], ["taxonomy", "coded", false], ["tag", "coded", false], ["unit", "coded", false], ["reports", "packed", false]], "compact": true, "key": ["cik", "taxonomy", "tag", "unit"]}');
