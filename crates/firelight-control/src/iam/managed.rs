//! The policies of AWS that people attach to functions' roles.
//!
//! Their documents grant what AWS's do for the services that exist here or are commonly called from
//! a function; long lists of single actions are written with wildcards where that says the same.

use sha2::{Digest, Sha256};

/// A policy of AWS.
#[derive(Debug, PartialEq, Eq)]
pub struct AwsManaged {
    pub path: &'static str,
    pub name: &'static str,
    /// Statements as (effect, actions, resources), blanks between them.
    statements: &'static [(&'static str, &'static str, &'static str)],
}

const ARN_PREFIX: &str = "arn:aws:iam::aws:policy";

impl AwsManaged {
    pub fn arn(&self) -> String {
        format!("{ARN_PREFIX}{}{}", self.path, self.name)
    }

    /// Returns an id that is always the same for the same policy.
    pub fn id(&self) -> String {
        let digest = Sha256::digest(self.name);
        let mut seed = [0; 16];
        seed.copy_from_slice(&digest[..16]);
        super::entity_id("ANPA", seed)
    }

    pub fn document(&self) -> String {
        let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        let statement = |(effect, actions, resources): &(&str, &str, &str)| {
            serde_json::json!({
                "Effect": effect,
                "Action": words(actions),
                "Resource": words(resources),
            })
        };
        let statements: Vec<_> = self.statements.iter().map(statement).collect();
        serde_json::json!({"Version": "2012-10-17", "Statement": statements}).to_string()
    }
}

/// Finds a policy of AWS.
pub(super) fn find(arn: &str) -> Option<&'static AwsManaged> {
    let path_and_name = arn.strip_prefix(ARN_PREFIX)?;
    POLICIES.iter().find(|policy| {
        path_and_name
            .strip_prefix(policy.path)
            .is_some_and(|name| name == policy.name)
    })
}

/// Returns the document of a policy of AWS.
pub(super) fn document(arn: &str) -> Option<String> {
    find(arn).map(AwsManaged::document)
}

/// Returns all of them, in the order of their names.
pub fn aws_managed_policies() -> &'static [AwsManaged] {
    POLICIES
}

const fn plain(
    name: &'static str,
    statements: &'static [(&'static str, &'static str, &'static str)],
) -> AwsManaged {
    AwsManaged {
        path: "/",
        name,
        statements,
    }
}

const fn service_role(
    name: &'static str,
    statements: &'static [(&'static str, &'static str, &'static str)],
) -> AwsManaged {
    AwsManaged {
        path: "/service-role/",
        name,
        statements,
    }
}

const LOGS: &str = "logs:CreateLogGroup logs:CreateLogStream logs:PutLogEvents";
const NETWORK_INTERFACES: &str = "ec2:CreateNetworkInterface ec2:DescribeNetworkInterfaces \
    ec2:DescribeSubnets ec2:DeleteNetworkInterface ec2:AssignPrivateIpAddresses \
    ec2:UnassignPrivateIpAddresses";
const KAFKA_NETWORK: &str = "ec2:CreateNetworkInterface ec2:DescribeNetworkInterfaces \
    ec2:DescribeVpcs ec2:DeleteNetworkInterface ec2:DescribeSubnets ec2:DescribeSecurityGroups";

const POLICIES: &[AwsManaged] = &[
    plain(
        "AWSCloudFormationFullAccess",
        &[("Allow", "cloudformation:*", "*")],
    ),
    plain(
        "AWSCloudFormationReadOnlyAccess",
        &[(
            "Allow",
            "cloudformation:Describe* cloudformation:EstimateTemplateCost cloudformation:Get* \
             cloudformation:List* cloudformation:ValidateTemplate cloudformation:Detect*",
            "*",
        )],
    ),
    service_role(
        "AWSCodeDeployRoleForLambda",
        &[
            (
                "Allow",
                "cloudwatch:DescribeAlarms lambda:UpdateAlias lambda:GetAlias \
                 lambda:GetProvisionedConcurrencyConfig sns:Publish",
                "*",
            ),
            (
                "Allow",
                "s3:GetObject s3:GetObjectVersion",
                "arn:aws:s3:::*/CodeDeploy/*",
            ),
        ],
    ),
    plain(
        "AWSLambdaExecute",
        &[
            ("Allow", "logs:*", "arn:aws:logs:*:*:*"),
            ("Allow", "s3:GetObject s3:PutObject", "arn:aws:s3:::*"),
        ],
    ),
    plain(
        "AWSLambdaInvocation-DynamoDB",
        &[
            ("Allow", "lambda:InvokeFunction", "*"),
            (
                "Allow",
                "dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator \
             dynamodb:ListStreams",
                "*",
            ),
        ],
    ),
    service_role(
        "AWSLambdaBasicDurableExecutionRolePolicy",
        &[
            ("Allow", LOGS, "*"),
            (
                "Allow",
                "lambda:CheckpointDurableExecution lambda:GetDurableExecutionState",
                "*",
            ),
        ],
    ),
    service_role("AWSLambdaBasicExecutionRole", &[("Allow", LOGS, "*")]),
    service_role(
        "AWSLambdaDynamoDBExecutionRole",
        &[(
            "Allow",
            "dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator \
         dynamodb:ListStreams logs:CreateLogGroup logs:CreateLogStream logs:PutLogEvents",
            "*",
        )],
    ),
    service_role(
        "AWSLambdaENIManagementAccess",
        &[("Allow", NETWORK_INTERFACES, "*")],
    ),
    service_role(
        "AWSLambdaKinesisExecutionRole",
        &[(
            "Allow",
            "kinesis:DescribeStream kinesis:DescribeStreamSummary kinesis:GetRecords \
         kinesis:GetShardIterator kinesis:ListShards kinesis:ListStreams \
         kinesis:SubscribeToShard logs:CreateLogGroup logs:CreateLogStream logs:PutLogEvents",
            "*",
        )],
    ),
    service_role(
        "AWSLambdaMSKExecutionRole",
        &[
            (
                "Allow",
                "kafka:DescribeCluster kafka:DescribeClusterV2 kafka:GetBootstrapBrokers",
                "*",
            ),
            ("Allow", KAFKA_NETWORK, "*"),
            ("Allow", LOGS, "*"),
        ],
    ),
    service_role("AWSLambdaRole", &[("Allow", "lambda:InvokeFunction", "*")]),
    service_role(
        "AWSLambdaSQSQueueExecutionRole",
        &[(
            "Allow",
            "sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes logs:CreateLogGroup \
         logs:CreateLogStream logs:PutLogEvents",
            "*",
        )],
    ),
    service_role(
        "AWSLambdaVPCAccessExecutionRole",
        &[("Allow", LOGS, "*"), ("Allow", NETWORK_INTERFACES, "*")],
    ),
    plain(
        "AWSLambda_FullAccess",
        &[
            (
                "Allow",
                "cloudformation:DescribeStacks cloudformation:ListStackResources \
             cloudwatch:ListMetrics cloudwatch:GetMetricData ec2:DescribeSecurityGroups \
             ec2:DescribeSubnets ec2:DescribeVpcs kms:ListAliases iam:GetPolicy \
             iam:GetPolicyVersion iam:GetRole iam:GetRolePolicy iam:ListAttachedRolePolicies \
             iam:ListRolePolicies iam:ListRoles lambda:* logs:DescribeLogGroups \
             states:DescribeStateMachine states:ListStateMachines tag:GetResources \
             xray:GetTraceSummaries xray:BatchGetTraces",
                "*",
            ),
            ("Allow", "iam:PassRole", "*"),
            (
                "Allow",
                "logs:DescribeLogStreams logs:GetLogEvents logs:FilterLogEvents logs:StartQuery \
             logs:StopQuery logs:DescribeQueries logs:GetLogGroupFields logs:GetLogRecord \
             logs:GetQueryResults",
                "arn:aws:logs:*:*:log-group:/aws/lambda/*",
            ),
        ],
    ),
    plain(
        "AWSLambda_ReadOnlyAccess",
        &[
            (
                "Allow",
                "cloudformation:DescribeStacks cloudformation:ListStackResources \
             cloudwatch:GetMetricData cloudwatch:ListMetrics ec2:DescribeSecurityGroups \
             ec2:DescribeSubnets ec2:DescribeVpcs kms:ListAliases iam:GetPolicy \
             iam:GetPolicyVersion iam:GetRole iam:GetRolePolicy iam:ListAttachedRolePolicies \
             iam:ListRolePolicies iam:ListRoles logs:DescribeLogGroups lambda:Get* lambda:List* \
             states:DescribeStateMachine states:ListStateMachines tag:GetResources \
             xray:GetTraceSummaries xray:BatchGetTraces",
                "*",
            ),
            (
                "Allow",
                "logs:DescribeLogStreams logs:GetLogEvents logs:FilterLogEvents logs:StartQuery \
             logs:StopQuery logs:DescribeQueries logs:GetLogGroupFields logs:GetLogRecord \
             logs:GetQueryResults",
                "arn:aws:logs:*:*:log-group:/aws/lambda/*",
            ),
        ],
    ),
    plain("AWSStepFunctionsFullAccess", &[("Allow", "states:*", "*")]),
    plain(
        "AWSXRayDaemonWriteAccess",
        &[(
            "Allow",
            "xray:PutTraceSegments xray:PutTelemetryRecords xray:GetSamplingRules \
         xray:GetSamplingTargets xray:GetSamplingStatisticSummaries",
            "*",
        )],
    ),
    plain("AWSXrayFullAccess", &[("Allow", "xray:*", "*")]),
    plain(
        "AWSXrayWriteOnlyAccess",
        &[(
            "Allow",
            "xray:PutTraceSegments xray:PutTelemetryRecords xray:GetSamplingRules \
         xray:GetSamplingTargets xray:GetSamplingStatisticSummaries",
            "*",
        )],
    ),
    plain("AdministratorAccess", &[("Allow", "*", "*")]),
    plain(
        "AmazonAPIGatewayAdministrator",
        &[("Allow", "apigateway:*", "arn:aws:apigateway:*::/*")],
    ),
    plain(
        "AmazonAPIGatewayInvokeFullAccess",
        &[(
            "Allow",
            "execute-api:Invoke execute-api:ManageConnections",
            "arn:aws:execute-api:*:*:*",
        )],
    ),
    service_role(
        "AmazonAPIGatewayPushToCloudWatchLogs",
        &[(
            "Allow",
            "logs:CreateLogGroup logs:CreateLogStream logs:DescribeLogGroups logs:DescribeLogStreams \
         logs:PutLogEvents logs:GetLogEvents logs:FilterLogEvents",
            "*",
        )],
    ),
    plain(
        "AmazonDynamoDBFullAccess",
        &[("Allow", "dynamodb:* dax:*", "*")],
    ),
    plain(
        "AmazonDynamoDBReadOnlyAccess",
        &[(
            "Allow",
            "dynamodb:BatchGetItem dynamodb:Describe* dynamodb:List* dynamodb:GetAbacStatus \
         dynamodb:GetItem dynamodb:GetResourcePolicy dynamodb:Query dynamodb:Scan \
         dynamodb:PartiQLSelect",
            "*",
        )],
    ),
    plain(
        "AmazonEC2ContainerRegistryReadOnly",
        &[(
            "Allow",
            "ecr:GetAuthorizationToken ecr:BatchCheckLayerAvailability ecr:GetDownloadUrlForLayer \
         ecr:GetRepositoryPolicy ecr:DescribeRepositories ecr:ListImages ecr:DescribeImages \
         ecr:BatchGetImage ecr:GetLifecyclePolicy ecr:GetLifecyclePolicyPreview \
         ecr:ListTagsForResource ecr:DescribeImageScanFindings",
            "*",
        )],
    ),
    plain(
        "AmazonEventBridgeFullAccess",
        &[("Allow", "events:* schemas:* scheduler:* pipes:*", "*")],
    ),
    plain("AmazonKinesisFullAccess", &[("Allow", "kinesis:*", "*")]),
    plain(
        "AmazonKinesisReadOnlyAccess",
        &[("Allow", "kinesis:Get* kinesis:List* kinesis:Describe*", "*")],
    ),
    plain(
        "AmazonS3FullAccess",
        &[("Allow", "s3:* s3-object-lambda:*", "*")],
    ),
    plain(
        "AmazonS3ReadOnlyAccess",
        &[(
            "Allow",
            "s3:Get* s3:List* s3:Describe* s3-object-lambda:Get* s3-object-lambda:List*",
            "*",
        )],
    ),
    plain("AmazonSNSFullAccess", &[("Allow", "sns:*", "*")]),
    plain(
        "AmazonSNSReadOnlyAccess",
        &[(
            "Allow",
            "sns:GetTopicAttributes sns:List* sns:CheckIfPhoneNumberIsOptedOut \
         sns:GetEndpointAttributes sns:GetDataProtectionPolicy \
         sns:GetPlatformApplicationAttributes sns:GetSMSAttributes \
         sns:GetSMSSandboxAccountStatus sns:GetSubscriptionAttributes",
            "*",
        )],
    ),
    plain("AmazonSQSFullAccess", &[("Allow", "sqs:*", "*")]),
    plain(
        "AmazonSQSReadOnlyAccess",
        &[(
            "Allow",
            "sqs:GetQueueAttributes sqs:GetQueueUrl sqs:ListDeadLetterSourceQueues sqs:ListQueues \
         sqs:ListMessageMoveTasks sqs:ListQueueTags",
            "*",
        )],
    ),
    plain("AmazonSSMFullAccess", &[("Allow", "ssm:*", "*")]),
    plain(
        "AmazonSSMReadOnlyAccess",
        &[("Allow", "ssm:Describe* ssm:Get* ssm:List*", "*")],
    ),
    plain(
        "CloudWatchFullAccess",
        &[(
            "Allow",
            "autoscaling:Describe* cloudwatch:* logs:* sns:*",
            "*",
        )],
    ),
    plain(
        "CloudWatchLambdaInsightsExecutionRolePolicy",
        &[
            ("Allow", "logs:CreateLogGroup", "*"),
            (
                "Allow",
                "logs:CreateLogStream logs:PutLogEvents",
                "arn:aws:logs:*:*:log-group:/aws/lambda-insights:*",
            ),
        ],
    ),
    plain(
        "CloudWatchLogsFullAccess",
        &[("Allow", "logs:* cloudwatch:GenerateQuery", "*")],
    ),
    plain(
        "CloudWatchLogsReadOnlyAccess",
        &[(
            "Allow",
            "logs:Describe* logs:Get* logs:List* logs:StartQuery logs:StopQuery logs:TestMetricFilter \
         logs:FilterLogEvents logs:StartLiveTail logs:StopLiveTail cloudwatch:GenerateQuery",
            "*",
        )],
    ),
    plain("IAMFullAccess", &[("Allow", "iam:*", "*")]),
    plain(
        "IAMReadOnlyAccess",
        &[(
            "Allow",
            "iam:GenerateCredentialReport iam:GenerateServiceLastAccessedDetails iam:Get* iam:List* \
         iam:SimulateCustomPolicy iam:SimulatePrincipalPolicy",
            "*",
        )],
    ),
    plain(
        "PowerUserAccess",
        &[
            // AWS writes this with NotAction; nothing of what it leaves out is offered here.
            (
                "Allow",
                "apigateway:* cloudformation:* cloudwatch:* dynamodb:* ecr:* events:* kinesis:* kms:* \
             lambda:* logs:* pipes:* s3:* scheduler:* secretsmanager:* sns:* sqs:* ssm:* states:* \
             sts:* tag:* xray:*",
                "*",
            ),
            (
                "Allow",
                "iam:CreateServiceLinkedRole iam:DeleteServiceLinkedRole iam:ListRoles",
                "*",
            ),
        ],
    ),
    plain(
        "ReadOnlyAccess",
        &[(
            "Allow",
            "apigateway:GET cloudformation:Describe* cloudformation:Get* cloudformation:List* \
         cloudwatch:Describe* cloudwatch:Get* cloudwatch:List* dynamodb:BatchGet* \
         dynamodb:Describe* dynamodb:Get* dynamodb:List* dynamodb:Query dynamodb:Scan \
         ecr:BatchCheck* ecr:BatchGet* ecr:Describe* ecr:Get* ecr:List* events:Describe* \
         events:List* events:Test* iam:Generate* iam:Get* iam:List* iam:Simulate* \
         kinesis:Describe* kinesis:Get* kinesis:List* kms:Describe* kms:Get* kms:List* \
         lambda:Get* lambda:List* logs:Describe* logs:FilterLogEvents logs:Get* logs:List* \
         logs:StartQuery logs:StopQuery logs:TestMetricFilter s3:Get* s3:List* \
         secretsmanager:Describe* secretsmanager:List* sns:Get* sns:List* sns:Check* sqs:Get* \
         sqs:List* sqs:Receive* ssm:Describe* ssm:Get* ssm:List* states:Describe* \
         states:GetExecutionHistory states:List* sts:GetAccessKeyInfo sts:GetCallerIdentity \
         sts:GetSessionToken tag:Get* xray:BatchGet* xray:Get*",
            "*",
        )],
    ),
    plain(
        "SecretsManagerReadWrite",
        &[("Allow", "secretsmanager:*", "*")],
    ),
];

#[cfg(test)]
mod tests {
    use firelight_iam::{DocumentKind, Policy};

    use super::*;

    #[test]
    fn every_document_is_a_policy_that_its_arn_finds() {
        for policy in POLICIES {
            assert_eq!(find(&policy.arn()), Some(policy));
            assert!(Policy::parse(&policy.document(), DocumentKind::Identity).is_ok());
        }
        assert_eq!(
            find("arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole"),
            None
        );
    }
}
