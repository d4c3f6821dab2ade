/* The commands: each takes the arguments without its own words, and returns the exit status. */
#ifndef WAYBILL_TOOL_COMMANDS_H
#define WAYBILL_TOOL_COMMANDS_H

typedef int command_main(int argc, char **argv);

command_main topics_create_main, topics_check_main, topics_list_main;
command_main produce_main, consume_main;
command_main order_show_main;
command_main dlq_list_main, dlq_show_main, dlq_requeue_main;
command_main parked_list_main, parked_show_main, parked_resolve_main;
command_main endpoint_list_main, endpoint_stop_main, endpoint_start_main;
command_main replay_main;
command_main suppliers_main;
command_main task_list_main, task_show_main;
command_main verify_main;
command_main acls_list_main;

#endif
