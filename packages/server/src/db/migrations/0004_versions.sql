-- What a version keeps beside its graph.

-- The named parameters and the JSON Schema of their values, as JSON text. `is_suggested`: the author declared none, so
-- they are read from the graph again when its object_info becomes known only later.
alter table workflow_versions add column parameters text not null default '[]';
alter table workflow_versions add column parameters_schema text not null default '{"type":"object","properties":{}}';
alter table workflow_versions add column is_suggested boolean not null default true;
-- The editor's own file, when the version was converted from one.
alter table workflow_versions add column workflow_json text;
