//! The boto3 scenarios of `tests/e2e/clients`, each against a daemon of its own.

use firelight_e2e::{Flavor, TestEnvironment, clients};

fn run(flavor: Flavor, script: &str, scenario: &str) {
    let Some(environment) = TestEnvironment::start_as(flavor) else {
        return;
    };

    environment.scenario(script, scenario).succeeded();

    let left = environment.stop();
    assert!(left.is_none(), "the daemon left {left:#?}");
}

/// Python knows which scenarios there are; one that is not listed here would silently not run.
fn assert_all_listed(script: &str, listed: &[&str]) {
    let Some(venv) = clients::venv() else {
        return firelight_e2e::lacking::lacking("boto3").unwrap_or_default();
    };
    let access = clients::Access {
        endpoint: String::new(),
        region: "us-east-1".to_owned(),
        access_key_id: "unused".to_owned(),
        secret_access_key: "unused".to_owned(),
    };

    let found = access
        .scenario(&venv, script, "--list")
        .succeeded()
        .stdout();

    assert_eq!(found.lines().collect::<Vec<_>>(), listed);
}

macro_rules! scenarios {
    ($flavor:ident: $($script:ident { $($scenario:ident)+ })+) => {
        $(mod $script {
            $(#[test]
            fn $scenario() {
                let flavor = firelight_e2e::Flavor::$flavor();
                super::run(flavor, stringify!($script), stringify!($scenario));
            })+

            #[test]
            fn every_scenario_is_listed() {
                super::assert_all_listed(stringify!($script), &[$(stringify!($scenario)),+]);
            }
        })+
    };
}

scenarios! { serve:
    objects {
        everybody_reads_what_the_policy_opens_and_nothing_else
        a_bucket_begins_closed_to_the_public
        forms_of_boto3_upload_what_their_policies_allow
        rules_of_a_bucket_open_presigned_urls_to_pages
        each_key_of_a_list_is_deleted_only_if_it_may_be
    }
    signatures {
        genuine_requests_of_every_service_pass
        whatever_is_changed_after_signing_is_noticed
        headers_that_steer_must_be_signed
        old_signatures_and_scopes_of_other_days_are_refused
        bodies_are_covered_except_where_s3_lets_them_go_unsigned
        half_a_signature_names_what_is_missing
        sessions_need_their_token
    }
}

scenarios! { dev:
    multi_concurrency {
        the_capacity_provider_is_shown_with_its_defaults
        python_handlers_meet_in_one_environment_and_share_no_memory
        node_handlers_share_a_process_and_their_lines_are_told_apart
        one_that_is_cut_off_leaves_the_others_alone
        a_process_that_ends_takes_all_invocations_of_its_environment_with_it
        concurrency_counts_invocations_and_not_environments
    }
    lifecycle {
        a_function_is_pending_then_active
        every_waiter_comes_to_its_end
        a_configuration_has_every_default
        lists_leave_out_the_state
        the_code_location_downloads
        a_version_keeps_its_own_code_location
        updated_code_is_what_runs
        a_dry_run_of_an_update_changes_nothing
        settings_are_replaced_and_the_rest_is_kept
        published_versions_never_change
        deleted_functions_are_gone
        every_form_of_the_name_is_understood
        tags_are_kept_with_the_function
        the_caller_has_an_identity_and_roles
        a_group_holds_users_and_their_policies
        an_operation_that_is_not_built_says_so
    }
    errors {
        unknown_functions
        a_name_that_is_taken
        names_that_are_too_long_or_malformed
        bad_runtimes
        a_zip_function_without_runtime_or_handler
        settings_out_of_range
        a_role_that_is_none
        packages_that_are_none
        packages_that_are_too_large
        variables_that_are_too_many_or_reserved
        stale_revisions
        a_qualifier_that_contradicts_the_name
        versions_that_cannot_be_deleted_or_published
        an_image_for_a_zip_function
        a_log_level_without_json
        a_function_of_another_region
        events_that_are_no_json
        events_that_are_too_large
    }
    facts {
        functions
        constraints
        layers
        aliases
        attachments
        mappings
    }
    packages {
        python_with_directories_and_links
        sizes_that_come_after_the_data
        sizes_of_64_bits
        names_beyond_ascii_and_of_windows
        a_name_that_stands_twice
        bytes_before_the_archive_and_a_comment_behind_it
        programs_that_pack
    }
    invoking {
        results_come_back_as_they_are
        a_handler_that_returns_nothing_gives_null
        the_context_tells_about_the_invocation
        the_first_invoke_is_cold_and_the_next_is_warm
        the_log_tail_has_the_lines_of_lambda
        python_logging_has_its_form
        the_log_tail_is_the_last_four_kilobytes
        no_tail_without_asking_for_it
        a_dry_run_runs_nothing
        variables_are_those_of_lambda
        only_tmp_can_be_written
        the_trace_header_reaches_the_function
        the_client_context_reaches_the_function
        parallel_invokes_run_in_environments_of_their_own
        an_update_during_an_invoke_never_reuses_the_old_code
        node_handlers_of_every_kind
        node_consoles_have_their_form
        the_official_python_client_runs_in_a_custom_runtime
        a_custom_runtime_in_shell
    }
    function_errors {
        a_python_exception
        a_python_exception_leaves_the_environment_alive
        a_node_exception
        a_missing_module
        a_missing_import
        a_missing_handler
        a_malformed_handler
        a_syntax_error
        an_exception_while_importing
        a_missing_node_module_and_handler
        a_timeout
        after_a_timeout_the_environment_is_reset_and_tmp_is_kept
        a_timeout_kills_one_environment_and_not_its_siblings
        exits
        an_exit_while_importing_is_tried_again_within_the_invoke
        too_much_memory
        too_much_memory_while_importing
        an_oversized_response
        a_result_that_is_no_json
        a_bootstrap_that_is_missing_or_cannot_run
        a_function_for_the_other_machine
    }
    logs {
        groups_and_streams_are_named_as_in_lambda
        every_line_of_an_invocation_is_an_event
        what_goes_to_output_and_to_error_keeps_its_order
        filter_patterns_choose
        groups_are_made_retained_and_deleted
        json_logs_are_objects_and_levels_filter
        a_function_may_log_to_another_group
        a_function_is_told_of_the_lines_of_another_one
    }
    limits {
        a_reservation_of_zero_stops_a_function
        a_reservation_of_one_allows_ten_requests_a_second
        what_is_provisioned_for_a_version_is_missing_for_all_others
        a_function_sees_the_qualifier_it_was_invoked_by
    }
    extensions {
        telemetry_reaches_an_extension_over_http_while_the_function_runs
        the_end_of_an_invocation_is_told_during_the_next
        an_extension_that_works_on_keeps_no_caller_waiting_and_its_time_is_reported
        telemetry_reaches_an_extension_over_tcp
        the_older_logs_api_tells_the_end_of_an_invocation_by_itself
        what_waits_for_its_batch_is_delivered_before_the_shutdown
    }
}
