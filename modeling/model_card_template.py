"""The one template of all model cards, in Jinja. It is Python so that it travels with remote code."""

TEMPLATE = """\
---
{{ card_data }}
---

# {{ title }}

{{ summary }}

| | |
|---|---|
{% for name, value in properties -%}
| {{ name }} | {{ value }} |
{% endfor %}
## Use

```python
{{ usage }}
```

{{ usage_note }}

## What it is for, and what not

{% for limit in limits -%}
- {{ limit }}
{% endfor %}
## Training

{{ recipe }}

Hardware: {{ hardware }}
{% if data %}
| data | images | role | terms |
|---|---|---|---|
{% for source in data -%}
| {{ source.name }} | {{ source.images }} | {{ source.role }} | {{ source.terms }} |
{% endfor %}
{{ data_note }}
{% endif %}
## Evaluation

{{ results_note }}
{% if results %}
| data | AbsRel, lower is better | delta1, higher is better | other | protocol |
|---|---|---|---|---|
{% for row in results -%}
| {{ row.data }} | {{ row.abs_rel }} | {{ row.delta1 }} | {{ row.other }} | {{ row.protocol }} |
{% endfor %}{% endif %}
## Licence

{{ licence_text }}

## Source

{% for citation in citations -%}
- {{ citation }}
{% endfor %}"""
