#include "core/data/filter.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/num.h"
#include "core/base/str.h"

enum { DEPTH_MAX = 16 };  // of parentheses and nots

// What a field gives of a case: a number (NaN when unknown) or a text (empty when unknown).
typedef struct field {
  const char *name, *help;
  double (*number)(const pl_case *c);
  const char *(*text)(const pl_case *c);
} field;

// A word that stands for a comparison.
typedef struct word {
  const char *name, *term;
} word;

static const field fields[];
static const size_t field_count;
static const word words[];
static const size_t word_count;

typedef struct parser {
  pl_filter *filter;
  const char *text, *at;
  int depth;
  pl_error *err;
} parser;

// ---- Fields

static double or_unknown(bool known, double value) { return known ? value : (double)NAN; }

static double number_of(const pl_case *c) { return c->number; }

static double fold_of(const pl_case *c) { return or_unknown(c->fold >= 0, c->fold); }

static double mask_of(const pl_case *c) { return or_unknown(c->label != PL_LABEL_UNKNOWN, (double)c->mask_area); }

static double share_of(const pl_case *c) {
  return or_unknown(c->label != PL_LABEL_UNKNOWN, 100 * pl_case_mask_share(c));
}

static double rows_of(const pl_case *c) { return or_unknown(c->rows > 0, c->rows); }

static double cols_of(const pl_case *c) { return or_unknown(c->cols > 0, c->cols); }

static double age_of(const pl_case *c) { return or_unknown(c->age >= 0, c->age); }

static const char *id_of(const pl_case *c) { return c->id; }

static const char *part_of(const pl_case *c) { return pl_part_name(c->part); }

static const char *status_of(const pl_case *c) { return pl_case_status_name(c->status); }

static const char *label_of(const pl_case *c) {
  switch (c->label) {
    case PL_LABEL_POSITIVE: return "positive";
    case PL_LABEL_NEGATIVE: return "negative";
    default: return "";
  }
}

static const char *sex_of(const pl_case *c) { return c->sex == 'M' ? "M" : c->sex == 'F' ? "F" : ""; }

static const char *view_of(const pl_case *c) { return c->view; }

static const char *patient_of(const pl_case *c) { return c->patient; }

static const char *flag_of(const pl_case *c) { return c->flag != NULL ? c->flag : ""; }

static const char *note_of(const pl_case *c) { return c->note != NULL ? c->note : ""; }

const char *pl_filter_field_name(size_t index) { return index < field_count ? fields[index].name : NULL; }

const char *pl_filter_field_help(size_t index) { return index < field_count ? fields[index].help : NULL; }

// ---- Parsing: or := and { "|" and }; and := not { not }; not := "!" not | "(" or ")" | term

static pl_status parse_or(parser *p);

static pl_status wrong(const parser *p, const char *what) {
  char all[200] = "";
  size_t used = 0;
  for (size_t i = 0; i < field_count; i++) {
    used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i > 0 ? " " : "", fields[i].name);
    if (used >= sizeof all) break;
  }
  const bool end = p->at[0] == '\0';
  return pl_fail(p->err, PL_E_USAGE, "filter, at %s%.24s%s: %s; fields are %s", end ? "its end" : "'", p->at,
                 end ? "" : "'", what, all);
}

static void skip_spaces(parser *p) { p->at += strspn(p->at, " "); }

static pl_status push(parser *p, const pl_filter_node *node) {
  if (p->filter->count == PL_FILTER_NODES) {
    return pl_fail(p->err, PL_E_LIMIT, "the filter has more than %d parts", PL_FILTER_NODES);
  }
  p->filter->nodes[p->filter->count++] = *node;
  return PL_OK;
}

static pl_status push_op(parser *p, pl_filter_op op) { return push(p, &(pl_filter_node){.op = op}); }

static size_t read_operator(pl_filter_op *op, const char *at) {
  static const struct {
    const char *text;
    pl_filter_op op;
  } operators[] = {{"!=", PL_FILTER_DIFFERENT}, {"<=", PL_FILTER_LESS_EQUAL}, {">=", PL_FILTER_GREATER_EQUAL},
                   {"=", PL_FILTER_EQUAL},      {"<", PL_FILTER_LESS},        {">", PL_FILTER_GREATER},
                   {"~", PL_FILTER_HOLDS}};
  for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
    if (!pl_begins_with(at, operators[i].text)) continue;
    *op = operators[i].op;
    return strlen(operators[i].text);
  }
  return 0;
}

// The value at p->at, which is moved behind it.
static pl_status read_value(parser *p, pl_filter_node *node) {
  const bool quoted = *p->at == '"';
  if (quoted) p->at++;
  const size_t length = strcspn(p->at, quoted ? "\"" : " |)");
  if (quoted && p->at[length] == '\0') return wrong(p, "a quote is not closed");
  if (length == 0) return wrong(p, "a value is missing");
  const bool numeric = fields[node->field].number != NULL;
  if (numeric && node->op == PL_FILTER_HOLDS) return wrong(p, "~ is for texts, not for numbers");
  if (numeric && !pl_parse_double(&node->number, p->at, length)) {
    // "#12", as the cases' numbers are shown.
    if (*p->at != '#' || !pl_parse_double(&node->number, p->at + 1, length - 1))
      return wrong(p, "a number is expected");
  }
  memcpy(node->text, p->at, length);
  node->text[length] = '\0';
  p->at += length + (quoted ? 1 : 0);
  return PL_OK;
}

static bool name_is(const char *name, const char *at, size_t length) {
  return strlen(name) == length && strncasecmp(name, at, length) == 0;
}

static pl_status push_word(parser *p, size_t length) {
  for (size_t i = 0; i < word_count; i++) {
    if (!name_is(words[i].name, p->at, length)) continue;
    parser inner = {.filter = p->filter, .text = words[i].term, .at = words[i].term, .err = p->err};
    p->at += length;
    return parse_or(&inner);
  }
  return wrong(p, "neither a comparison such as fold=2 nor a word such as positive");
}

static pl_status parse_term(parser *p) {
  const size_t length = strcspn(p->at, " |)(!=<>~\"");
  if (length == 0) return wrong(p, "a comparison such as fold=2 is expected");
  pl_filter_node node = {.op = PL_FILTER_EQUAL};
  const size_t operator_length = read_operator(&node.op, p->at + length);
  if (operator_length == 0) return push_word(p, length);
  for (; node.field < field_count; node.field++) {
    if (name_is(fields[node.field].name, p->at, length)) break;
  }
  if (node.field == field_count && name_is("area", p->at, length)) {
    for (node.field = 0; strcmp(fields[node.field].name, "mask") != 0;) node.field++;
  }
  if (node.field == field_count) return wrong(p, "there is no such field");
  p->at += length + operator_length;
  pl_status status = read_value(p, &node);
  return status == PL_OK ? push(p, &node) : status;
}

static pl_status parse_not(parser *p) {
  if (*p->at != '!' && *p->at != '(') return parse_term(p);
  if (p->depth == DEPTH_MAX) return pl_fail(p->err, PL_E_LIMIT, "the filter is nested deeper than %d", DEPTH_MAX);
  p->depth++;
  const bool negated = *p->at == '!';
  p->at++;
  skip_spaces(p);
  pl_status status = negated ? parse_not(p) : parse_or(p);
  if (status == PL_OK && negated) status = push_op(p, PL_FILTER_NOT);
  if (status == PL_OK && !negated) {
    if (*p->at != ')') return wrong(p, "a parenthesis is not closed");
    p->at++;
  }
  p->depth--;
  return status;
}

static pl_status parse_and(parser *p) {
  pl_status status = parse_not(p);
  skip_spaces(p);
  while (status == PL_OK && *p->at != '\0' && *p->at != '|' && *p->at != ')') {
    status = parse_not(p);
    if (status == PL_OK) status = push_op(p, PL_FILTER_AND);
    skip_spaces(p);
  }
  return status;
}

static pl_status parse_or(parser *p) {
  skip_spaces(p);
  pl_status status = parse_and(p);
  while (status == PL_OK && *p->at == '|') {
    p->at++;
    skip_spaces(p);
    status = parse_and(p);
    if (status == PL_OK) status = push_op(p, PL_FILTER_OR);
  }
  return status;
}

pl_status pl_filter_parse(pl_filter *out, const char *text, pl_error *err) {
  text += strspn(text, " ");
  size_t length = strlen(text);
  while (length > 0 && text[length - 1] == ' ') length--;
  pl_filter filter = {.count = 0};
  if (length >= sizeof filter.text) {
    return pl_fail(err, PL_E_LIMIT, "the filter is longer than %d characters", PL_FILTER_SIZE - 1);
  }
  memcpy(filter.text, text, length);
  parser p = {.filter = &filter, .text = filter.text, .at = filter.text, .err = err};
  if (length > 0) {
    pl_status status = parse_or(&p);
    if (status == PL_OK && *p.at != '\0') status = wrong(&p, "a parenthesis was not opened");
    if (status != PL_OK) return status;
  }
  *out = filter;
  return PL_OK;
}

// ---- Comparing

static bool order_holds(pl_filter_op op, double order) {
  switch (op) {
    case PL_FILTER_EQUAL: return order == 0;
    case PL_FILTER_DIFFERENT: return order != 0;
    case PL_FILTER_LESS: return order < 0;
    case PL_FILTER_LESS_EQUAL: return order <= 0;
    case PL_FILTER_GREATER: return order > 0;
    default: return order >= 0;
  }
}

static bool compare(const pl_filter_node *node, const pl_case *c) {
  const field *f = &fields[node->field];
  if (f->number != NULL) {
    const double value = f->number(c);
    return !isnan(value) && order_holds(node->op, value - node->number);
  }
  const char *text = f->text(c);
  if (text[0] == '\0') return false;
  if (node->op == PL_FILTER_HOLDS) return strcasestr(text, node->text) != NULL;
  return order_holds(node->op, strcasecmp(text, node->text));
}

bool pl_filter_holds(const pl_filter *filter, const pl_case *c) {
  bool stack[PL_FILTER_NODES];
  size_t depth = 0;
  for (size_t i = 0; i < filter->count; i++) {
    const pl_filter_node *node = &filter->nodes[i];
    switch (node->op) {
      case PL_FILTER_AND: depth--, stack[depth - 1] = stack[depth - 1] && stack[depth]; break;
      case PL_FILTER_OR: depth--, stack[depth - 1] = stack[depth - 1] || stack[depth]; break;
      case PL_FILTER_NOT: stack[depth - 1] = !stack[depth - 1]; break;
      default: stack[depth++] = compare(node, c);
    }
  }
  return depth == 0 || stack[0];
}

static const field fields[] = {
    {.name = "fold", .help = "fold, from 0", .number = fold_of},
    {.name = "label", .help = "positive or negative", .text = label_of},
    {.name = "mask", .help = "pixels of the mask, at the size of the source", .number = mask_of},
    {.name = "share", .help = "the mask's share of the image, in percent", .number = share_of},
    {.name = "age", .help = "years", .number = age_of},
    {.name = "sex", .help = "M or F", .text = sex_of},
    {.name = "view", .help = "PA or AP", .text = view_of},
    {.name = "part", .help = "train or test", .text = part_of},
    {.name = "status", .help = "ok, unlabelled or bad", .text = status_of},
    {.name = "patient", .help = "pseudonym of the patient", .text = patient_of},
    {.name = "flag", .help = "the word it was flagged with", .text = flag_of},
    {.name = "note", .help = "what was remarked", .text = note_of},
    {.name = "number", .help = "the case's number", .number = number_of},
    {.name = "id", .help = "the case's ImageId", .text = id_of},
    {.name = "rows", .help = "height of the source in pixels", .number = rows_of},
    {.name = "cols", .help = "width of the source in pixels", .number = cols_of},
};
static const size_t field_count = sizeof fields / sizeof fields[0];

static const word words[] = {
    {"positive", "label=positive"}, {"negative", "label=negative"}, {"unlabelled", "status=unlabelled"},
    {"bad", "status=bad"},          {"train", "part=train"},        {"test", "part=test"},
};
static const size_t word_count = sizeof words / sizeof words[0];
