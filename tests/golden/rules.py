"""The rules of the language that are no keys: each in one sentence, with its golden cases and, where it is about runs, the test that runs it.

A line: rule | case that compiles | code and case, … that is refused | test that shows it. `–` stands for none: no refusal is stated, or
the place named last shows both.
"""

from dataclasses import dataclass

TEXT = """
## A workspace
A workspace is a folder with steward.yaml; playbooks end in .yaml | calls | SW029 sw029-yml | unit/app/test_starter.py::test_a_new_workspace_has_a_file_of_every_kind
A playbook or SOP is named by its file: kebab-case, a letter first, at most 64 characters | calls | SW025 sw025-file | –
A playbook and a SOP never have one name | sop-calls | SW026 sw026-same | –
Links, submodules and names that lead elsewhere are never read, and said | – | – | corpus/test_hostile_repository.py::test_check_names_what_is_never_read
Nothing in a workspace is run by reading it | – | – | corpus/test_hostile_repository.py::test_no_command_that_looks_runs_anything
Every kind of file has a draft-07 schema with a description on each key | – | – | unit/language/test_schema.py::test_every_key_has_a_description
Three editors are told which schema belongs to which file | – | – | unit/app/test_starter.py::test_three_editors_get_the_same_schemas
The shipped files name their schema in their first line | – | – | unit/language/test_schema.py::test_the_starter_names_its_schema_on_the_first_line
steward.yaml has a closed set of keys | – | SW050 sw050-settings | unit/language/test_settings.py::test_everything_an_operator_may_write
There is an operator with a name and an address | – | SW051 sw051-settings | unit/language/test_settings.py::test_there_is_always_an_operator_with_an_address
A setting has the kind its place asks for | – | SW052 sw050-settings | unit/language/test_settings.py::test_what_is_refused
Time zone, currency, branch, people and resolvers are of a closed form | – | SW053 sw051-settings | unit/language/test_settings.py::test_what_is_refused
A way to ask somebody that nothing carries out yet is refused as such | – | SW057 sw057-asking | –

## Reading YAML
A file is UTF-8 | calls | SW001 sw001-not-utf8 | –
A file has a cap in bytes | – | – | unit/language/test_reader.py::test_refuses
Lists and maps are nested at most 40 deep, and that is counted before parsing | – | – | unit/language/test_reader.py::test_refuses
A file has a cap in values | – | – | unit/language/test_reader.py::test_refuses
No hostile file holds the reader up or fills the memory | – | – | unit/language/test_reader.py::test_no_file_holds_the_reader_up
No character that can't be seen | reading | SW005 sw005-invisible | –
Spaces indent, tabs never | calls | SW006 sw006-tab | –
What is no YAML is told at the place where reading broke off | calls | SW007 sw007-not-yaml | –
No anchors and aliases | calls | SW008 sw008-alias | –
No merge keys | calls | SW009 sw009-merge | –
No tags | calls | SW010 sw010-tag | –
A key stands once in a map | calls | SW011 sw011-twice | –
A file is one document without directives | calls | SW012 sw012-documents | –
A key is a word | calls | SW013 sw013-odd-key | –
`on` is a key, and `no`, `010`, `1.10` and `12:30` are the characters written where text is wanted | reading | – | unit/language/test_reader.py::test_scalars_keep_their_characters
A plain value takes the type its place asks for | every-type | SW110 sw110-type | unit/language/test_compile.py::test_values_take_the_type_their_place_asks_for
A byte-order mark and Windows line ends change nothing; the newline at the end of a block condition is dropped | reading | – | unit/language/test_reader.py::test_bom_and_crlf_change_nothing
An expression that YAML would cut or split is refused, with the quoted line as the fix | reading | SW014 sw014-comment, SW014 sw014-colon, SW014 sw014-flow, SW014 sw014-brace | –
Every value keeps its line and column | calls | – | unit/language/test_reader.py::test_places_in_flow_maps_block_scalars_and_beyond_the_basic_plane
Unknown keys are errors | calls | SW020 sw020-unknown-key, SW020 sw020-unknown-step-key | –
A file of another tool is said to be one, and its words are known | calls | SW040 sw040-github, SW020 sw107-success, SW107 sw107-success | unit/language/test_elsewhere.py::test_words_of_other_tools_are_known
Required keys are there | calls | SW021 sw021-missing-top, SW021 sw021-missing, SW021 sw021-undo | –
A list is a list and a map is a map | calls | SW022 sw022-shape, SW022 sw022-list, SW022 sw022-schedule | –
A closed word is one of its words | calls | SW023 sw023-option | –
A stage that nothing carries out yet is refused as such | calls | SW039 sw039-canary | –
Numbers, lengths and dates are of their form and in their range | whole | SW027 sw027-numbers | –
After a hundred mistakes the rest of a file is left for later | calls | SW035 sw035-many | –

## Expressions
Everything readable begins with one of six roots | whole | SW101 sw101-root | –
A step that is read stands in the file | lead-capture | SW102 sw102-step | –
A field or output that is read is declared, also in rows of lists | lead-capture | SW103 sw103-field, SW103 sw103-row, SW103 sw103-called | –
A step alone is no value; its outputs and its status are | lead-capture | SW104 sw104-no-value | –
A path that stops early is refused | calls | SW104 sw104-no-value | –
Functions are a short closed list | every-type | SW107 sw107-function | unit/language/test_explain.py::test_the_functions_have_a_page
A function takes the arguments of its signature | times | SW108 sw108-call, SW108 sw108-method, SW108 sw108-every | –
Operators fit their sides; nothing is turned into text silently | every-type | SW109 sw109-operands | –
An expression has the type of its place | every-type | SW110 sw110-text-of-number, SW110 sw110-foreach, SW110 sw110-times | –
A condition is a yes or no, and text is none | every-type | SW110 sw110-if-text | –
What may be missing is read through default(path, other) | calls | SW111 sw111-missing | –
What is no expression is told with its place | calls | SW112 sw112-syntax | –
At most 500 characters | calls | SW113 sw113-long | unit/language/test_compile.py::test_a_text_of_a_thousand_expressions_is_refused
Lists within lists at most twice | every-type | SW113 sw113-deep | unit/language/test_expressions.py::test_three_lists_within_each_other_are_refused
A comparison with a word that can't come is refused | event-fields | SW114 sw114-option, SW114 sw114-intent, SW114 sw114-status, SW114 sw114-failed | –
A list or map can't stand inside text | calls | SW115 sw115-list-in-text | –
default reads a path | calls | SW116 sw116-default | unit/language/test_default.py::test_a_word_that_spells_a_value_of_the_type_keeps_it
In words for people a time is on the clock of the workspace, and a fraction has two digits | times | – | unit/language/test_spoken.py::test_in_words_for_people
A day moves by whole days, and nothing is divided by zero | times | SW110 sw109-zero, SW109 sw109-zero | unit/language/test_never.py::test_a_day_takes_no_hours
default takes any number of paths, and skips its reader only where none of them has a value | either | SW108 sw108-call | simulate/test_language_runs.py::test_what_reads_one_of_two_exclusive_steps_runs_with_the_one_there_is
A branch reads what may not have run through default | either | SW119 sw119-branch | unit/language/test_branches.py::test_what_may_not_be_there_is_told
A test for null shows what is there to what stands behind it | either | SW111 sw111-missing | unit/language/test_branches.py::test_what_is_there_is_read_without_a_word
item is there under foreach only | foreach | SW117 sw117-item, SW103 sw103-item | –
A secret is never read in an expression | triggers | SW118 sw118-secret, SW118 sw118-secrets | –
Names are kebab-case and begin with a letter; names that can't be read are refused | every-type | SW128 sw128-name, SW025 sw025-id | –
A hyphen without spaces belongs to the name; subtraction has spaces | foreach | SW103 sw103-hyphen | –
A value that is one whole expression keeps its type; inside other text it is rendered | calls | SW115 sw115-list-in-text | unit/language/test_compile.py::test_a_whole_value_keeps_its_type_and_text_around_it_makes_text
Data is never read again as an expression or template | – | – | unit/language/test_expressions.py::test_data_is_never_read_as_an_expression
Lists have at most 1,000 entries at run time | – | – | unit/language/test_expressions.py::test_a_run_time_error_is_one_kind_of_error_and_soon
A fixed word (action, gate, template, playbook, cron) is never an expression | triggers | SW126 sw126-words, SW126 sw126-fixed, SW126 sw132-called | –
What an expression reads travels with it as its origin | lead-capture | SW301 sw301-path | unit/language/test_expressions.py::test_says_whose_data_travels_in_the_value
failure() and always() stand in an if only | whole | SW108 sw108-every | unit/language/test_expressions.py::test_failure_stands_in_an_if_only

## Money and time
Money is written with its currency and touched by functions only | limits | SW109 sw109-money, SW109 sw109-plus | unit/model/test_money.py::test_amounts_are_read_in_minor_units
Amounts that meet in a sum, a comparison or an output are in one currency | limits | SW134 sw134-currencies, SW135 sw134-currencies | unit/language/test_currencies.py::test_two_currencies_do_not_add_up
Ordering of money is above and below | event-fields | SW109 sw109-money | –
Halves go away from zero | – | – | unit/model/test_money.py::test_halves_go_away_from_zero
Two currencies are an error | – | – | unit/model/test_money.py::test_two_currencies_do_not_add_up
A whole number is a number wherever one is wanted | every-type | – | unit/language/test_expressions.py::test_gives
Dates and times compare with < <= == >= > | times | SW110 sw110-times | unit/language/test_expressions.py::test_gives
An hour of a day is one of the workspace's time zone, and clocks that change do to it what they do to schedules | everyday | SW110 sw108-words | unit/language/test_words.py::test_an_hour_is_when_a_schedule_would_fire
A day is written in words of the letter's language | everyday | SW108 sw108-words | unit/language/test_words.py::test_a_day_in_words
Days, weeks and months are those of the workspace's time zone | times | – | unit/kernel/test_schedule.py::test_local_time_counts
A length is a number and a unit | whole | SW027 sw027-numbers, SW110 sw110-defaults | unit/language/test_expressions.py::test_a_wait_is_a_length_or_until_a_moment_or_a_day

## Types
Types are a closed list, lists, maps and choices of them; what may be missing has `?` on its name | every-type | SW127 sw127-type, SW127 sw127-field, SW127 sw127-optional | unit/language/test_schema.py::test_every_form_of_a_type_is_known
A default is a value of its type | every-type | SW110 sw110-defaults | –
Limits fit their type, and a default keeps to them | limits | SW211 sw211-inputs, SW211 sw211-limits | simulate/test_limits.py::test_an_input_outside_its_limits_starts_nothing

## Order
needs names steps above | gate-in-order | SW202 sw202-need, SW203 sw203-circle | unit/language/test_compile.py::test_a_step_needs_the_one_above_unless_it_says_otherwise
A step reads steps above it only | lead-capture | SW105 sw105-later | –
Reading adds an edge, dotted in plan | lead-capture | – | unit/language/test_compile.py::test_reading_adds_an_edge_and_default_makes_it_soft
plan says what could start earlier | lead-capture | – | unit/app/test_planning.py::test_a_step_that_only_the_file_holds_back_could_start_at_once
Ids are unique in a file | calls | SW201 sw201-twice | –
There is something to do | calls | SW028 sw028-no-steps, SW028 sw028-sop-no-items | –
A playbook never comes back to itself through its calls | calls | SW208 sw208-circle | –
A key stands only on a step on which it means something | whole | SW211 sw211-fit, SW211 sw211-keys | –

## What is skipped, fails and ends
A step that reads an output of a skipped step is skipped; needs alone never skips | lead-capture | – | unit/kernel/test_decide.py::test_a_reader_of_a_skipped_step_is_skipped_and_one_that_only_needs_it_is_not
The status of a step is always readable | heads | SW114 sw114-status | –
A failed step stops what reads it or comes after it, no step beside it; then failure() and always() run | whole | – | unit/kernel/test_decide.py::test_a_failure_stops_what_comes_after_it_and_no_step_beside_it
run/end ends as told, as failed too | everyday | SW023 sw132-called | unit/kernel/test_decide.py::test_run_end_cancels_the_rest_and_ends_as_told
A step with repeat is done again until its condition holds, each round an effect of its own, at most so often | everyday | SW211 sw211-rounds, SW021 sw211-rounds | simulate/test_written_words.py::test_each_round_is_an_effect_of_its_own_until_it_is_so
A pause lets one item go after the other | everyday | SW211 sw211-rounds | simulate/test_written_words.py::test_items_with_a_pause_leave_one_after_the_other
A rejected or expired gate cancels what stands behind it, not who reads its verdict | whole | – | unit/kernel/test_decide.py::test_a_step_that_reads_the_verdict_waits_for_it_and_runs_after_a_no
An output of a step that did not run is null | defaults | – | simulate/test_outputs.py::test_an_output_of_a_step_that_was_skipped_is_null
if-failed: undo takes back what was done, newest first | undo | SW023 sw020-heads | simulate/test_language_runs.py::test_what_does_not_come_back_as_expected_fails_and_is_taken_back_newest_first
expect is read back, and a mismatch fails the step | expect | SW103 sw103-expect | simulate/test_language_runs.py::test_what_does_not_come_back_as_expected_fails_and_is_taken_back_newest_first

## Gates
A gate that is named is declared | foreach-gate | SW106 sw106-gate | –
A declared gate has a step | foreach-gate | SW205 sw205-empty-gate | –
One decision covers its steps at once: nothing outside stands between them | gate-in-order | SW206 sw206-convex | –
Members of a gate don't read each other's outcomes | gate-in-order | SW207 sw207-member | unit/language/test_compile.py::test_behind_one_gate_what_can_be_shown_before_is_read
A step that acts never has the name of a gate it does not stand at | gate-in-order | SW209 sw209-name | –
A verdict is read below the gate's steps | whole | SW210 sw210-early | –
Silence is a no: a card expires | foreach-gate | – | unit/kernel/test_decide.py::test_an_unanswered_card_expires_and_expiry_is_no
A gate over items is one card with a row each | foreach-gate | – | simulate/test_language_runs.py::test_a_gate_over_items_is_one_card_with_a_row_each
A step that acts without a gate has a card of its own where the stage asks | answer-a-lead | – | unit/language/test_compile.py::test_a_step_that_acts_without_a_gate_has_a_card_of_its_own
Who decided at a gate is read below its steps | everyday | SW103 sw103-who | simulate/test_written_words.py::test_who_decided_can_be_read
Choices may come from data, each on a line of its own, a hundred at most | everyday | SW110 sw211-rounds | simulate/test_written_words.py::test_choices_come_from_data
Titles are the operator's words; values in them are shown quoted | sop-everything | – | unit/app/test_planning.py::test_a_hostile_title_stays_inside_its_diamond

## Stages, reach and trust
A step's stage is not above its file's | whole | SW305 sw305-stage | unit/governance/test_policy.py::test_the_table_of_stages
Reach may only rise | whole | SW304 sw304-reach | unit/language/test_compile.py::test_the_highest_reach_follows_the_shape_of_the_arguments
Reach follows the arguments that are not null at run time; plan shows the highest | lead-capture | – | unit/app/test_planning.py::test_the_reach_has_two_ends_when_an_argument_may_be_null
Strangers' and models' words reach no recipient, amount, account, address, command or path unseen | lead-capture | SW301 sw301-flow, SW301 sw301-amount, SW301 sw301-item, SW301 sw301-undo | unit/language/test_compile.py::test_strangers_words_reach_no_path_unseen
Nor the input of another playbook | calls | SW306 sw306-call | –
A step about a person has a subject; a count or a sum of many is about nobody | calls | SW303 sw303-subject, SW303 sw303-item | unit/language/test_compile.py::test_a_playbook_about_a_person_names_its_subject
An effect says how it is taken back, or why not | undo | SW302 sw302-undo | simulate/test_undo.py::test_a_run_that_fails_takes_back_with_an_effect_of_its_own
What takes back acts itself | undo | SW308 sw308-undo | simulate/test_undo.py::test_each_item_is_taken_back_by_itself
undo-within holds an approved effect; withdrawn in that time nothing was sent | lead-capture | SW027 sw027-numbers | simulate/test_approvals.py::test_held_means_it_can_be_withdrawn
A fixed acknowledgement goes once a day to the letter's own sender | answer-a-lead | – | unit/connectors/test_replies.py::test_a_sender_is_acknowledged_once_a_day
A reply takes no recipient, an acknowledgement no words of its own | lead-capture | SW121 sw121-recipient | unit/connectors/test_replies.py::test_an_answer_goes_to_the_author_and_into_the_thread

## Actions, templates and calls
An action that is used is declared | lead-capture | SW120 sw120-action | –
A declared action without an adapter is a warning, and an error with a way out when it runs | like-overdue | SW307 sw307-declared | unit/app/test_starters.py::test_run_for_real_it_fails_before_anything_and_says_what_to_do
Arguments are those of the action | lead-capture | SW121 sw121-argument, SW122 sw122-argument | –
A template that is named is there | lead-capture | SW123 sw123-template | –
A template gets the values it declares, and no others | lead-capture | SW124 sw124-value, SW125 sw125-value | –
A called playbook or SOP is there and started by calls | calls | SW131 sw131-playbook, SW131 sw131-called, SW132 sw132-called | unit/testing/test_calls.py::test_a_schedule_and_a_called_playbook
run/find is the only memory between runs, and is typed by what it finds | calls | SW131 sw131-playbook, SW103 sw103-called | –

## Items, once and groups
A foreach that acts names its items by a key | foreach | SW212 sw212-key | simulate/test_language_runs.py::test_two_items_with_one_key_fail_the_step_before_anything_leaves
once is used up by the first intent and left free by a no | foreach | SW211 sw211-keys | simulate/test_language_runs.py::test_once_is_used_up_by_the_first_intent_and_left_free_by_a_no
A step's once is by its text, whichever run or item acts first | foreach | – | simulate/test_language_runs.py::test_two_items_of_one_run_with_one_once_act_once
Nothing stands behind a run/end that always ends the run | whole | SW213 sw213-end | unit/language/test_never.py::test_what_stands_behind_an_end_never_runs
A group has a name, and waits, drops or replaces | heads | SW023 sw114-status, SW021 sw211-calls | simulate/test_language_runs.py::test_a_group_waits_drops_or_replaces
What stop-on names ends the run well and withdraws its card | heads | SW406 sw406-stops | simulate/test_language_runs.py::test_what_stop_on_names_ends_the_run_well_and_withdraws_its_card

## Triggers and waits
Something starts a playbook | calls | SW401 sw401-none | –
Triggers are a closed list | triggers | SW402 sw402-trigger | –
A trigger takes its own arguments, and all it needs | triggers | SW403 sw403-param, SW404 sw404-param | –
Paths, secrets and types of events have their form | triggers | SW408 sw408-params, SW411 sw411-secret | –
A trigger that nothing can fire is named | triggers | – | unit/app/test_unheard.py::test_check_and_doctor_name_what_never_comes
A schedule may name a time zone of its own | everyday | SW408 sw211-rounds | simulate/test_written_words.py::test_a_schedule_in_a_zone_of_its_own
A cron line has five fields and fires some day, in the workspace's time zone | times | SW407 sw407-cron, SW407 sw407-fields, SW407 sw407-never | unit/kernel/test_schedule.py::test_the_hour_that_comes_twice_fires_once
An event's type is one its connector sends | event-fields | SW409 sw409-event | –
An intent that is named is in vault/intents | triggers | SW410 sw410-intent | –
A wait waits for something | event-fields | SW405 sw405-nothing | –
A run waits for what tells this one from others | event-fields | SW406 sw406-awaited | –
What is read of a call is declared where it is more than texts of one name each | called-with-fields | SW416 sw416-webhook | unit/language/test_hooks.py::test_one_diagnostic_says_what_to_declare
A wait or stop-on for a webhook says whose call it takes | waits-for-a-call | SW415 sw415-webhook | simulate/test_triggers.py::test_only_the_call_that_matches_ends_a_wait_or_the_run
What starts a playbook can give what it needs | triggers | SW414 sw414-inputs | unit/language/test_starting.py::test_what_gives_no_inputs_can_not_start_what_needs_them
A wait gives which came, or nothing when its time is up | event-fields | SW114 sw114-option | unit/kernel/test_decide.py::test_a_wait_ends_by_its_time_with_nothing
Of missed firings the latest runs, once | times | – | simulate/test_language_runs.py::test_a_schedule_owes_nothing_for_the_past_and_of_missed_firings_runs_the_latest
timeout and continue-on-error are of one attempt; waits and calls have none | whole | SW211 sw211-fit, SW211 sw211-calls | –

## SOPs
`type: sop` makes a note compile; anything else is knowledge | answer-a-lead | – | unit/language/test_sop.py::test_the_front_matter_makes_a_note_compile
A note that looks like a SOP and is none is named | sop-calls | SW038 sw038-no-sop | unit/language/test_sop.py::test_a_note_that_looks_like_a_sop_and_is_none_is_named
An item without ^id is called by its words | sop-everything | SW030 sw030-no-id | –
One bold word is no choice | sop-everything | SW031 sw031-one-choice | –
A fenced step belongs to an item | answer-a-lead | SW032 sw032-loose | unit/language/test_sop.py::test_a_fence_automates_its_item
One item is one step | answer-a-lead | SW033 sw033-two, SW036 sw036-both | –
Choices and fields of an item are there once | sop-everything | SW034 sw034-twice | –
A fence without uses adds keys to the question | sop-everything | SW103 sw103-limits | unit/language/test_sop.py::test_a_fence_without_an_action_adds_keys_to_the_question
Who is asked stands in steward.yaml | sop-everything | SW129 sw129-person | –
An item asks one person | sop-everything | SW037 sw037-people | –
A note that is linked is there | sop-everything | SW130 sw130-note | unit/language/test_sop.py::test_a_note_is_context_and_pinned
Items run top to bottom; headings are phases | sop-everything | – | unit/language/test_sop.py::test_items_run_top_to_bottom_whatever_their_lists
Everything else is prose, cited as the reason of the step below | sop-everything | – | unit/language/test_sop.py::test_prose_is_cited

## Templates, agents, intents, policy and secrets
An expression in a template is closed on its line | – | SW080 sw080-template | unit/language/test_template.py::test_words_with_blanks
A block stands on a line of its own | – | SW081 sw080-template | unit/language/test_template.py::test_blocks_leave_no_line_behind
A block has its end | – | SW082 sw082-template | unit/language/test_template.py::test_the_printed_fix_removes_the_diagnostic
Blocks are nested at most twice | – | SW083 sw080-template | unit/language/test_template.py::test_three_blocks_in_each_other_are_too_many
A block is for, if or end | – | SW084 sw080-template | –
A loop's name is new, and a value's name is letters and digits | – | SW085 sw080-template, SW087 sw080-template | –
if asks a yes or no, for a list | – | SW086 sw080-template | –
A template has no clock | – | SW088 sw080-template | –
What other template languages write for a value is told, and asks a person before it leaves in words of ours | – | SW133 sw133-left, SW014 sw014-braces | simulate/test_unfilled.py::test_a_template_asks_and_a_stranger_s_braces_do_not
What is filled in is never read again | – | – | unit/language/test_template.py::test_what_is_filled_in_is_never_read_again
An agent asks a model that steward.yaml has | – | SW090 sw090-agents | unit/language/test_agents.py::test_an_agent_as_written
An agent has instructions | – | SW091 sw090-agents | –
An agent's tools only read | – | SW092 sw090-agents | unit/language/test_agents.py::test_an_agent_is_an_action_that_reads_and_whose_words_are_a_models
Examples of an agent are there and not too many | – | SW093 sw090-agents | unit/language/test_agents.py::test_examples_that_are_none_or_too_many_are_said
An agent gives what a model can give | – | SW095 sw090-agents | –
An intent has a name of its own, in one place | – | SW060 sw060-intents, SW061 sw060-intents | unit/language/test_intents.py::test_an_intent_as_written
An example is one intent's | – | SW064 sw060-intents | unit/language/test_intents.py::test_an_example_of_two_intents_is_warned_about
A rule holds a word, and is one intent's | – | SW062 sw060-intents, SW063 sw060-intents | unit/language/test_intents.py::test_a_rule_of_two_intents_is_warned_about
Verdicts are allow, ask and deny; deny wins | – | – | unit/governance/test_policy.py::test_stop_and_deny_win_over_everything
A policy names actions that are there | – | SW072 sw072-policy | unit/language/test_policy_file.py::test_a_policy_as_written
An exception is one action that moves an amount, up to a ceiling each and one a day, at stage auto | – | SW073 sw073-policy | unit/governance/test_policy.py::test_an_exception_covers_an_amount_up_to_its_ceilings
In quiet hours, by the workspace's clock, what would act on its own asks | – | SW075 sw073-policy | simulate/test_policies.py::test_by_day_it_acts_on_its_own_and_at_night_it_asks
A template of a purpose goes only to those whose contact note agrees | – | SW074 sw073-policy | simulate/test_policies.py::test_who_did_not_agree_gets_none_and_the_run_says_why
A cap limits something: past one of a day it waits for the next, past another is a no | – | SW071 sw071-policy | unit/governance/test_policy.py::test_past_a_cap_nothing_leaves_whatever_a_person_approved
A secret stands as a whole value below connectors, models or a webhook's secret | – | SW054 sw051-settings | unit/governance/test_secrets.py::test_the_first_resolver_that_has_it_wins
What looks like a secret is not written into a file of git | – | SW055 sw050-settings, SW056 sw050-settings | –

## Tests
A test names a playbook, steps and fields that are there | – | SW501 sw501-tests, SW502 sw501-tests, SW503 sw501-tests | unit/testing/test_casefile.py::test_a_good_file_has_no_diagnostics
Moves are a closed list, one in each item | – | SW504 sw501-tests, SW511 sw505-tests | unit/testing/test_cases.py::test_each_move
A wait is never given | – | SW505 sw505-tests | unit/testing/test_cases.py::test_given_outputs_are_read_and_the_step_is_not_performed
Values have the types of their fields | – | SW506 sw505-tests | –
A case says how the run begins | – | SW507 sw505-tests | –
A move or expectation is about a step it can be about | – | SW508 sw505-tests | unit/testing/test_cases.py::test_each_expectation
Cases have names of their own, and can fail | – | SW509 sw505-tests, SW510 sw505-tests | –
Tests end in .test.yaml | – | SW512 sw505-tests | unit/testing/test_casefile.py::test_check_reads_tests_and_names_files_that_are_none
pytest collects the same cases | – | – | unit/testing/test_commands.py::test_pytest_collects_the_same_cases

## Diagnostics
A diagnostic has a code, a place, a message, a hint and perhaps a fix; all are collected | – | – | unit/language/test_many_mistakes.py::test_forty_mistakes_give_exactly_forty_diagnostics_at_their_places
A printed fix removes its diagnostic and brings no other | – | – | golden/test_compile.py::test_a_printed_fix_removes_its_diagnostic_and_brings_no_other
Printed fixes give the plan of the right file | – | – | golden/test_right.py::test_printed_fixes_give_the_plan_of_the_right_file
Every code has a page with a wrong and a right example | – | – | unit/language/test_explain.py::test_every_page_shows_what_fails_and_what_is_right
--json is versioned, with places and fixes | – | – | unit/cli/test_writing.py::test_check_json_is_versioned_with_places_and_fixes

## The command
Exit codes: 3 when check found errors, 2 for usage, 4 when something waits | – | – | unit/cli/test_startup.py::test_a_wrong_command_says_what_to_type_and_exits_with_2
Colours only on a terminal that wants them | – | – | unit/language/test_render.py::test_colours_only_on_a_terminal_that_wants_them
The plan's digest follows meaning and not layout | lead-capture | – | property/test_language.py::test_the_plan_of_another_layout_has_the_same_digest
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. `refused` are (code, case); empty words stand for none."""

    number: str
    of: str
    says: str
    compiles: str
    refused: tuple[tuple[str, str], ...]
    shown: str


def _rules() -> list[Rule]:
    found: list[Rule] = []
    of = ""
    for line in TEXT.strip().splitlines():
        if line.startswith("## "):
            of = line.removeprefix("## ")
        elif line:
            says, compiles, refused, shown = (
                "" if part == "–" else part for part in map(str.strip, line.split(" | "))
            )
            pairs = [one.split(" ") for one in refused.split(", ")] if refused else []
            found.append(
                Rule(
                    number=f"R{len(found) + 1:03}",
                    of=of,
                    says=says,
                    compiles=compiles,
                    refused=tuple((code, case) for code, case in pairs),
                    shown=shown,
                )
            )
    return found


RULES = tuple(_rules())
