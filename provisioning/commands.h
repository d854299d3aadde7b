/* SPDX-License-Identifier: Apache-2.0 */
/* commands.h - the commands of `muster` that talk to musterd, and init.
 *
 * argv[0] is the command's last word, its options and arguments follow.
 * Each returns the program's exit code and has told any error. */
#ifndef MUSTER_COMMANDS_H
#define MUSTER_COMMANDS_H

int cmd_init(int argc, char **argv);

int cmd_node_add(int argc, char **argv);
int cmd_node_list(int argc, char **argv);
int cmd_node_show(int argc, char **argv);
int cmd_node_approve(int argc, char **argv);
int cmd_node_revoke(int argc, char **argv);
int cmd_node_quarantine(int argc, char **argv);
int cmd_node_rename(int argc, char **argv);
int cmd_node_remove(int argc, char **argv);
int cmd_node_assign(int argc, char **argv);

int cmd_boot_add(int argc, char **argv);
int cmd_boot_check(int argc, char **argv);
int cmd_boot_list(int argc, char **argv);
int cmd_boot_remove(int argc, char **argv);
int cmd_boot_default(int argc, char **argv);

int cmd_image_add(int argc, char **argv);
int cmd_image_check(int argc, char **argv);
int cmd_image_prune(int argc, char **argv);
int cmd_image_list(int argc, char **argv);
int cmd_image_remove(int argc, char **argv);
int cmd_image_default(int argc, char **argv);

int cmd_policy_learn(int argc, char **argv);
int cmd_policy_promote(int argc, char **argv);
int cmd_policy_show(int argc, char **argv);
int cmd_policy_list(int argc, char **argv);
int cmd_policy_pcr1(int argc, char **argv);
int cmd_policy_tpm(int argc, char **argv);
int cmd_policy_facts(int argc, char **argv);

int cmd_status(int argc, char **argv);
int cmd_log(int argc, char **argv);

int cmd_backup(int argc, char **argv);
int cmd_restore(int argc, char **argv);
int cmd_store_migrate(int argc, char **argv);
int cmd_rotate(int argc, char **argv);

#endif
